//! Classes that public suites of CIM clients look for on a server under test; only with the feature
//! `test-provider`.

use std::sync::Arc;
use std::time::Duration;

use super::{InstanceProvider, InstanceStream, MethodResult, RequestContext, stream_of};
use crate::alert::TestIndication;
use crate::cim::{CimError, InstancePath, Method, Name, Property, Value};

/// Raises the indications that somebody asks for.
pub trait TestSource: Send + Sync {
    /// Raises so many; once this returns they are on their way for good.
    fn send_test_indications(&self, count: u32) -> Result<(), CimError>;
}

/// `Test_IndicationProviderClass`: indications on request.
pub struct TestIndicationProvider(pub Arc<dyn TestSource>);

/// `Test_CLITestProviderClass`: a method that takes its time.
pub struct TestDelayProvider;

const INDICATIONS: Name = TestIndication::CLASS;
const DELAY: Name = Name::from_static("Test_CLITestProviderClass");

impl InstanceProvider for TestIndicationProvider {
    fn class_name(&self) -> &Name {
        const { &INDICATIONS }
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        Ok(stream_of([]))
    }

    fn invoke(
        &self,
        _context: &RequestContext,
        _path: &InstancePath,
        _method: &Method,
        arguments: &[Property],
    ) -> Result<MethodResult, CimError> {
        self.0
            .send_test_indications(number(arguments, "indicationSendCount")?)?;
        Ok(done())
    }
}

impl InstanceProvider for TestDelayProvider {
    fn class_name(&self) -> &Name {
        const { &DELAY }
    }

    fn enumerate(&self, _context: &RequestContext) -> Result<InstanceStream, CimError> {
        Ok(stream_of([]))
    }

    fn invoke(
        &self,
        _context: &RequestContext,
        _path: &InstancePath,
        _method: &Method,
        arguments: &[Property],
    ) -> Result<MethodResult, CimError> {
        // Called where blocking is allowed, as every method is.
        std::thread::sleep(Duration::from_secs(number(arguments, "delayInSeconds")?.into()));
        Ok(done())
    }
}

fn number(arguments: &[Property], name: &str) -> Result<u32, CimError> {
    let argument = arguments.iter().find(|argument| argument.name == *name);
    argument
        .and_then(|argument| argument.value.as_ref()?.as_u64())
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| CimError::invalid_parameter(format!("`{name}` is missing")))
}

fn done() -> MethodResult {
    MethodResult {
        return_value: Value::Uint32(0),
        out: Vec::new(),
    }
}

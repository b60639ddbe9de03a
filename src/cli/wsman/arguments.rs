//! What arguments mean: which instance, which values.

use super::Session;
use crate::cim::{CimType, Name, TypeDecl};
use crate::cli::exit::{Exit, Failure};
use crate::client::instance_name::{BadInstanceName, InstanceName, parse_pair};
use crate::client::wsman::{EnumerationRequest, Resource, WsmanError};
use crate::wsman::resource_uri::NAMESPACE_SELECTOR;
use crate::wsman::{EnumerationMode, Filter, RawInstance, RawValue, SelectorSet};

/// An instance, as the command line names it.
#[derive(Debug, clap::Args)]
pub struct InstanceArgs {
    /// The instance: CLASS?Key=Value&Key2=Value; CLASS alone where it has but one
    #[arg(value_name = "INSTANCE")]
    pub instance: InstanceName,
    /// A further key, whose value is taken as it stands
    #[arg(long = "selector", value_name = "KEY=VALUE")]
    pub selectors: Vec<String>,
}

/// So many candidates are named where several instances are meant.
const CANDIDATES: u32 = 5;

impl InstanceArgs {
    /// The name with all its parts.
    ///
    /// # Errors
    /// If a selector is none or stands twice.
    pub fn name(&self) -> Result<InstanceName, Failure> {
        let mut name = self.instance.clone();
        for pair in &self.selectors {
            let (key, value) = parse_pair(pair)?;
            name.add(key, value)?;
        }
        Ok(name)
    }
}

impl Session<'_> {
    /// What requests about a named class are sent to.
    pub fn class_resource(&self, uri: &str) -> Resource {
        Resource::new(uri).in_namespace(self.namespace())
    }

    /// What requests about a named instance are sent to. Where keys are missing, the agent is asked which
    /// instance has those that are given.
    ///
    /// # Errors
    /// If none or several have, or the agent cannot be asked.
    pub async fn resolve(&mut self, mut name: InstanceName) -> Result<Resource, Failure> {
        let class = self.classes.find(&name.class_name);
        if let Some(class) = &class {
            name.refer(class)?;
        }
        let is_whole = class.is_none_or(|class| name.is_complete(&class));
        // Without any key the agent itself takes the only instance that there is.
        if is_whole || name.keys().next().is_none() {
            return Ok(Resource::from(&name).in_namespace(self.namespace()));
        }
        self.only(&name).await
    }

    /// What requests about a named instance are sent to, with every key, where there is one such instance.
    ///
    /// # Errors
    /// If none or several are meant, or the agent cannot be asked.
    pub async fn resolve_wholly(&mut self, mut name: InstanceName) -> Result<Resource, Failure> {
        let class = self.classes.find(&name.class_name);
        if let Some(class) = &class {
            name.refer(class)?;
        }
        if class.is_some_and(|class| name.is_complete(&class)) {
            return Ok(Resource::from(&name).in_namespace(self.namespace()));
        }
        self.only(&name).await
    }

    async fn only(&mut self, name: &InstanceName) -> Result<Resource, Failure> {
        let found = self.search(name).await?;
        match found.as_slice() {
            [only] => Ok(Resource::from(only).in_namespace(self.namespace())),
            [] => Err(Failure::new(Exit::Negative, format!("there is no {name}"))),
            several => {
                let mut message = format!("{name} is not one instance; name one of them, among others:");
                for candidate in several {
                    message.push_str(&format!("\n  {candidate}"));
                }
                Err(Failure::new(Exit::Usage, message))
            }
        }
    }

    /// Some of the instances that have the given keys.
    async fn search(&mut self, name: &InstanceName) -> Result<Vec<InstanceName>, WsmanError> {
        let (keys, namespace): (Vec<_>, Vec<_>) = name
            .selectors
            .iter()
            .cloned()
            .partition(|selector| selector.name != *NAMESPACE_SELECTOR);
        let mut resource = Resource::new(&name.resource_uri);
        resource.selectors.0 = namespace;
        let resource = resource.in_namespace(self.namespace());
        let request = EnumerationRequest {
            filter: (!keys.is_empty()).then_some(Filter::Selectors(SelectorSet(keys))),
            mode: EnumerationMode::Epr,
            batch: Some(CANDIDATES),
            ..EnumerationRequest::default()
        };
        let mut enumeration = self.client.enumerate(resource, request);
        let batch = enumeration.next_batch().await?.unwrap_or_default();
        enumeration.release().await?;
        let references = batch.items.iter().filter_map(|item| item.epr.as_ref());
        let names = references.map(InstanceName::of_reference);
        names
            .collect::<Result<_, _>>()
            .map_err(|error| WsmanError::Malformed(error.to_string()))
    }
}

/// Sets properties or parameters that the command line gives as `Name=Value` and `--null Name`. A name that
/// stands several times makes an array. `types` says what is declared, where that is known.
///
/// # Errors
/// If an argument is no assignment, or its value names no instance where it must.
pub fn assign(
    target: &mut RawInstance,
    assignments: &[String],
    nulls: &[Name],
    types: impl Fn(&Name) -> Option<TypeDecl>,
) -> Result<(), Failure> {
    let mut given: Vec<(Name, Vec<RawValue>)> = Vec::new();
    for assignment in assignments {
        let (name, text) = assignment_of(assignment)?;
        let value = raw_value(text, types(&name).as_ref())?;
        match given.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => given.push((name, vec![value])),
        }
    }
    for name in nulls {
        set(target, name, RawValue::Null);
    }
    for (name, mut values) in given {
        let value = match values.pop() {
            Some(only) if values.is_empty() => only,
            last => RawValue::Array(values.into_iter().chain(last).collect()),
        };
        set(target, &name, value);
    }
    Ok(())
}

fn assignment_of(text: &str) -> Result<(Name, &str), Failure> {
    let parsed = text
        .split_once('=')
        .and_then(|(name, value)| Some((Name::parse(name).ok()?, value)));
    parsed.ok_or_else(|| Failure::new(Exit::Usage, format!("`{text}` is no Name=Value")))
}

/// A value as the message has it: text, which the agent gives its type; references are named as instances are.
fn raw_value(text: &str, declared: Option<&TypeDecl>) -> Result<RawValue, Failure> {
    match declared {
        Some(declared) if declared.cim_type == CimType::Reference => {
            let target: InstanceName = text.parse()?;
            Ok(RawValue::Reference(target.to_reference()))
        }
        _ => Ok(RawValue::Text(text.to_owned())),
    }
}

fn set(target: &mut RawInstance, name: &Name, value: RawValue) {
    let is_named = |known: &str| known.eq_ignore_ascii_case(name.as_str());
    match target.properties.iter_mut().find(|(known, _)| is_named(known)) {
        Some((_, old)) => *old = value,
        None => target.properties.push((name.as_str().to_owned(), value)),
    }
}

impl From<BadInstanceName> for Failure {
    fn from(error: BadInstanceName) -> Self {
        Self::new(Exit::Usage, error)
    }
}

//! Get, Put, Create, Delete (DSP0226, 7) and methods (DSP0230, 9).

use std::sync::Arc;

use super::Shared;
use super::exchange::Exchange;
use super::target::Target;
use crate::cim::{CimStatus, Class, InstancePath, Name};
use crate::wsman::addressing::encode_path;
use crate::wsman::fragment::Fragment;
use crate::wsman::intrinsic::{Intrinsic, encode_class, encode_class_names};
use crate::wsman::invoke::encode_invoke_response;
use crate::wsman::transfer::{
    Representation, encode_class_response, encode_create_response, encode_delete_response,
    encode_get_response, encode_put_response,
};
use crate::wsman::typed::{typed, typed_arguments};
use crate::wsman::{Fault, FaultCause, FaultDetail, Invoke, RawInstance, ReplyHead, ResourceUri};
use crate::xml::Writer;

impl Shared {
    /// One instance, a part of one, or a class definition.
    pub(super) fn get(&self, exchange: &Exchange) -> Result<String, Fault> {
        let resource = exchange.resource()?;
        if let ResourceUri::ClassDefinition { class_name } = &resource {
            let named = exchange.headers.selectors.text("ClassName").map(Name::new);
            let class_name = class_name.clone().or(named).ok_or_else(|| {
                let reason =
                    "The selector `ClassName` is missing: it names the class whose definition is wanted.";
                Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::InsufficientSelectors)
            })?;
            // Whichever of them names the class, its name says which namespace is meant where none is named.
            let resource = ResourceUri::ClassDefinition {
                class_name: Some(class_name.clone()),
            };
            let target = self.target_class(exchange, resource, &class_name)?;
            return Ok(encode_class_response(&exchange.head(), &target.class));
        }
        let target = self.target(exchange)?;
        let path = self.path_to_read(exchange, &target)?;
        let instance = self.broker.get(&target.context, &path)?;
        let class = self
            .broker
            .class(&target.context.namespace, &instance.class_name)?;
        let head = self.head_with_epr(exchange, &target, || class.path_of(&instance));
        if let Some(header) = &exchange.headers.fragment {
            let fragment = Fragment::parse(header, class)?;
            let schema = self.schema(&target.context.namespace)?;
            return Ok(fragment.encode_get_response(&head, &instance, class, &*schema, &target.style));
        }
        Ok(encode_get_response(&head, &instance, class, &target.style))
    }

    /// Changes an instance; the reply holds it as it is then.
    pub(super) fn put(&self, exchange: &Exchange, body: Representation) -> Result<String, Fault> {
        let target = self.target(exchange)?;
        let path = self.instance_path(exchange, &target)?;
        let old = self.broker.get(&target.context, &path)?;
        let class = Arc::clone(self.broker.class(&target.context.namespace, &old.class_name)?);
        let classes = |name: &Name| self.class_in(&target, name);
        let fragment = exchange
            .headers
            .fragment
            .as_ref()
            .map(|header| Fragment::parse(header, &class))
            .transpose()?;
        let (changes, only) = match (&fragment, &body) {
            (None, Representation::Instance(raw)) => {
                self.check_class(&target, raw, &class.name)?;
                (typed(raw, &class, &classes)?, None)
            }
            (Some(fragment), Representation::Fragment(part)) => (
                fragment.apply(part, &old, &class, &classes)?,
                Some([fragment.target(&class)?.property]),
            ),
            _ => {
                let reason =
                    "A wsman:XmlFragment in the body and the header wsman:FragmentTransfer go together.";
                return Err(Fault::new(FaultCause::InvalidRepresentation, reason)
                    .detail(FaultDetail::InvalidFragment));
            }
        };
        self.broker.modify(
            &target.context,
            &path,
            changes,
            only.as_ref().map(<[Name; 1]>::as_slice),
        )?;
        let instance = self.broker.get(&target.context, &path)?;
        let head = self.head_with_epr(exchange, &target, || class.path_of(&instance));
        Ok(match fragment {
            Some(fragment) => {
                let schema = self.schema(&target.context.namespace)?;
                fragment.encode_put_response(&head, &instance, &class, &*schema, &target.style)
            }
            None => encode_put_response(&head, &instance, &class, &target.style),
        })
    }

    /// Creates an instance; the reply names it.
    pub(super) fn create(&self, exchange: &Exchange, body: Representation) -> Result<String, Fault> {
        let target = self.target(exchange)?;
        let Representation::Instance(raw) = body else {
            return Err(Fault::unsupported(
                FaultDetail::FragmentLevelAccess,
                "Create takes a whole instance.",
            ));
        };
        self.check_class(&target, &raw, &target.class.name)?;
        let instance = typed(&raw, &target.class, &|name| self.class_in(&target, name))?;
        let path = self.broker.create(&target.context, instance)?;
        Ok(encode_create_response(&exchange.head(), &path, &target.style))
    }

    /// Deletes an instance, which must be named: the only one of today may be another's tomorrow.
    pub(super) fn delete(&self, exchange: &Exchange) -> Result<String, Fault> {
        let target = self.target(exchange)?;
        if exchange.headers.selectors.keys().next().is_none() {
            let keys: Vec<&str> = target.class.keys().map(|key| key.name.as_str()).collect();
            let reason = format!("Delete takes the keys of an instance ({}).", keys.join(", "));
            return Err(
                Fault::new(FaultCause::InvalidSelectors, reason).detail(FaultDetail::InsufficientSelectors)
            );
        }
        let path = self.instance_path(exchange, &target)?;
        self.broker.delete(&target.context, &path)?;
        Ok(encode_delete_response(&exchange.head()))
    }

    /// Calls a method of an instance, or a static one of the class.
    pub(super) fn invoke(&self, exchange: &Exchange, call: &Invoke) -> Result<String, Fault> {
        let resource = exchange.resource()?;
        if let ResourceUri::Intrinsic { class_name } = &resource {
            return self.intrinsic(exchange, &resource, class_name.as_ref(), call);
        }
        let target = self.target(exchange)?;
        let Some(method) = target.class.method(&call.method) else {
            let mut fault = Fault::action_not_supported(&exchange.headers.action);
            fault.cim_status = Some(CimStatus::MethodNotFound);
            return Err(fault);
        };
        let path = if method.is_static() && exchange.headers.selectors.keys().next().is_none() {
            InstancePath::new(target.class.name.clone())
        } else {
            self.instance_path(exchange, &target)?
        };
        let arguments = typed_arguments(&call.arguments, &target.class, method, &|name| {
            self.class_in(&target, name)
        })?;
        let result = self
            .broker
            .invoke(&target.context, &path, &method.name, &arguments)?;
        let (class, method) = (&target.class.name, method.name.as_str());
        let value = Some(&result.return_value);
        Ok(encode_invoke_response(
            &exchange.head(),
            class,
            method,
            value,
            &result.out,
            &target.style,
        ))
    }

    /// The operations on classes that openwsman's clients call as methods.
    fn intrinsic(
        &self,
        exchange: &Exchange,
        resource: &ResourceUri,
        class_name: Option<&Name>,
        call: &Invoke,
    ) -> Result<String, Fault> {
        let uri = exchange.headers.resource_uri.as_deref().unwrap_or_default();
        let namespace = exchange.headers.namespace(resource);
        let head = exchange.head();
        match (Intrinsic::from_method(&call.method), class_name) {
            (Some(Intrinsic::EnumerateClassNames), _) => {
                let schema = self.broker.namespace(&namespace)?;
                let names: Vec<Name> = schema.classes().map(|class| class.name.clone()).collect();
                Ok(encode_class_names(&head, uri, &names))
            }
            (Some(Intrinsic::GetClass), Some(class_name)) => Ok(encode_class(
                &head,
                uri,
                self.broker.class(&namespace, class_name)?,
            )),
            (Some(Intrinsic::GetClass), None) => Err(Fault::invalid_resource_uri(uri)),
            (None, _) => Err(Fault::action_not_supported(&exchange.headers.action)),
        }
    }

    /// The element of a representation names the class of the instance, or one above it, as clients that
    /// know no more of it write.
    fn check_class(&self, target: &Target, raw: &RawInstance, class: &Name) -> Result<(), Fault> {
        let named = Name::new(&raw.class_name);
        if self
            .broker
            .namespace(&target.context.namespace)?
            .is_a(class, &named)
        {
            return Ok(());
        }
        let reason = format!("The element in the body must be {class}, or a class above it.");
        Err(Fault::new(FaultCause::InvalidRepresentation, reason).detail(FaultDetail::InvalidNamespace))
    }

    fn class_in(&self, target: &Target, name: &Name) -> Option<Arc<Class>> {
        self.broker.class(&target.context.namespace, name).ok().cloned()
    }

    /// The head of a reply, with the path of the instance where the client asked for it (DSP0226, 6.6).
    fn head_with_epr(
        &self,
        exchange: &Exchange,
        target: &Target,
        path: impl FnOnce() -> InstancePath,
    ) -> ReplyHead {
        let mut head = exchange.head();
        if exchange.headers.request_epr {
            let path = path().in_namespace(target.context.namespace.clone());
            let mut writer = Writer::default();
            encode_path(&mut writer, &path, &target.style.form, target.style.addressing);
            head.requested_epr = Some(writer.finish());
        }
        head
    }
}

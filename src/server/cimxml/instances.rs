//! Single instances: get, create, modify, delete, their properties and methods (DSP0200, 5.3.2 and 5.4).

use super::Exchange;
use crate::cim::{CimError, CimStatus, Instance, InstancePath, Name, Value};
use crate::cimxml::instance::Shown;
use crate::cimxml::{MethodCall, ObjectName, Operation, Request, ResponseWriter, typed};
use crate::provider::RequestContext;

impl Exchange {
    /// An operation on one instance, or a method of a class.
    pub(super) fn operate(
        &self,
        request: &Request,
        context: &RequestContext,
        operation: &Operation,
        response: &mut ResponseWriter,
    ) -> Result<(), CimError> {
        let broker = &self.shared.broker;
        match operation {
            Operation::GetInstance { path, view } => {
                let instance = broker.get(context, &self.resolve(context, path)?)?;
                let class = broker.class(&context.namespace, &instance.class_name)?;
                response.begin(request);
                response.instance(
                    &class.path_of(&instance),
                    &instance,
                    Shown::new(view, Some(class)),
                );
                response.end();
            }
            Operation::CreateInstance { instance } => {
                let path = broker.create(context, self.typed(context, &instance.class_name, instance)?)?;
                response.begin(request);
                response.path(&path);
                response.end();
            }
            Operation::ModifyInstance {
                path,
                instance,
                property_list,
            } => {
                let path = self.resolve(context, path)?;
                let changes = self.changes(context, &path, instance)?;
                broker.modify(context, &path, changes, property_list.as_deref())?;
                response.begin(request);
                response.end();
            }
            Operation::DeleteInstance { path } => {
                broker.delete(context, &self.resolve(context, path)?)?;
                response.begin(request);
                response.end();
            }
            Operation::GetProperty { path, property } => {
                let path = self.resolve(context, path)?;
                let instance = broker.get(context, &path)?;
                let class = broker.class(&context.namespace, &instance.class_name)?;
                let declared = class
                    .property(property.as_str())
                    .ok_or_else(|| no_such_property(&class.name, property))?;
                response.begin(request);
                response.value(declared.ty.cim_type, instance.get(property.as_str()));
                response.end();
            }
            Operation::SetProperty {
                path,
                property,
                value,
            } => {
                self.set_property(context, path, property, value.as_ref())?;
                response.begin(request);
                response.end();
            }
            Operation::Invoke(call) => self.invoke(request, context, call, response)?,
            _ => return Err(CimError::not_supported("this is about more than one instance")),
        }
        Ok(())
    }

    /// The path of an instance as a client names it, with the keys that its class declares. Where the class
    /// declares none (it is above those that do) the path must name every key of the instance all the same.
    pub(super) fn resolve(
        &self,
        context: &RequestContext,
        path: &InstancePath,
    ) -> Result<InstancePath, CimError> {
        let broker = &self.shared.broker;
        let class = broker.class(&context.namespace, &path.class_name)?;
        let typed = typed::keys(path, class)?;
        if class.keys().next().is_none() {
            let instance = broker.get(context, &typed)?;
            if broker.path_of(context, &instance)?.keys.len() != typed.keys.len() {
                return Err(CimError::not_found(format!("there is no instance {path}")));
            }
        }
        Ok(typed)
    }

    /// New values for the instance at `path`, typed by its own class, which the client may know by one above it.
    fn changes(
        &self,
        context: &RequestContext,
        path: &InstancePath,
        instance: &Instance,
    ) -> Result<Instance, CimError> {
        let current = self.shared.broker.get(context, path)?;
        self.typed(context, &current.class_name, instance)
    }

    fn typed(
        &self,
        context: &RequestContext,
        class: &Name,
        instance: &Instance,
    ) -> Result<Instance, CimError> {
        let class = self.shared.broker.class(&context.namespace, class)?;
        let unknown = |name: &&Name| class.property(name.as_str()).is_none();
        let mut names = instance.properties().iter().map(|property| &property.name);
        if let Some(name) = names.find(unknown) {
            return Err(no_such_property(&class.name, name));
        }
        typed::instance(instance, class)
    }

    fn set_property(
        &self,
        context: &RequestContext,
        path: &InstancePath,
        property: &Name,
        value: Option<&Value>,
    ) -> Result<(), CimError> {
        let broker = &self.shared.broker;
        let path = self.resolve(context, path)?;
        let current = broker.get(context, &path)?;
        let class = broker.class(&context.namespace, &current.class_name)?;
        let declared = class
            .property(property.as_str())
            .ok_or_else(|| no_such_property(&class.name, property))?;
        if !broker.may_modify(context, &path, &declared.name)? {
            return Err(CimError::not_supported(format!(
                "the property {} of {} cannot be written",
                declared.name, class.name
            )));
        }
        let mut changes = Instance::new(class.name.clone());
        changes.push(declared.with_value(typed::value(value, declared)?));
        broker.modify(context, &path, changes, None)
    }

    fn invoke(
        &self,
        request: &Request,
        context: &RequestContext,
        call: &MethodCall,
        response: &mut ResponseWriter,
    ) -> Result<(), CimError> {
        let broker = &self.shared.broker;
        let class = broker.class(&context.namespace, call.object.class_name())?;
        let method = class.method(call.method.as_str()).ok_or_else(|| {
            let detail = format!("class {} has no method {}", class.name, call.method);
            CimError::new(CimStatus::MethodNotFound, detail)
        })?;
        let path = match &call.object {
            ObjectName::Class(class) if method.is_static() => InstancePath::new(class.clone()),
            ObjectName::Class(class) => {
                return Err(CimError::invalid_parameter(format!(
                    "{class}.{} is called on an instance: it is not static",
                    method.name
                )));
            }
            ObjectName::Instance(path) => self.resolve(context, path)?,
        };
        let arguments = typed::arguments(&call.arguments, method)?;
        let result = broker.invoke(context, &path, &method.name, &arguments)?;
        response.method(
            request,
            method.return_type,
            Some(&result.return_value),
            &result.out,
        );
        Ok(())
    }
}

fn no_such_property(class: &Name, property: &Name) -> CimError {
    CimError::new(
        CimStatus::NoSuchProperty,
        format!("class {class} has no property {property}"),
    )
}

//! `esm wsman put`, `create`, `delete` and `invoke`.

use serde_json::{Map, Value as Json, json};

use super::Session;
use super::arguments::{InstanceArgs, assign};
use crate::cim::{Class, Name, TypeDecl, Value};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Format, printable};
use crate::cli::show::json::instance_json;
use crate::cli::show::value_text;
use crate::client::instance_name::{class_uri, show_reference};
use crate::client::wsman::Received;
use crate::wsman::{Invoke, RawInstance};

/// Change properties of one instance; the others keep their values
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm wsman put 'ESM_MonitorSetting?InstanceID=cpu' Warning=70 WarningReset=65
  esm wsman put 'ESM_MonitorSetting?InstanceID=file-system:/var' \\
      --null Critical --null CriticalReset

A name that stands several times makes an array.")]
pub struct PutArgs {
    #[command(flatten)]
    instance: InstanceArgs,
    /// The properties and their new values
    #[arg(value_name = "NAME=VALUE", required_unless_present = "nulls")]
    values: Vec<String>,
    /// Set a property to NULL
    #[arg(long = "null", value_name = "NAME")]
    nulls: Vec<String>,
}

/// Make an instance; prints its name
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  esm wsman create CIM_IndicationFilter --namespace root/interop Name=all QueryLanguage=WQL \\
      'Query=select * from CIM_AlertIndication'

A name that stands several times makes an array. The value of a reference is the name of an
instance.")]
pub struct CreateArgs {
    /// The class
    #[arg(value_name = "CLASS")]
    class: String,
    /// Its properties
    #[arg(value_name = "NAME=VALUE")]
    values: Vec<String>,
    /// Set a property to NULL
    #[arg(long = "null", value_name = "NAME")]
    nulls: Vec<String>,
}

/// Delete one instance
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  esm wsman delete 'ESM_MonitorSetting?InstanceID=cpu'     back to what the configuration says")]
pub struct DeleteArgs {
    #[command(flatten)]
    instance: InstanceArgs,
}

/// Call a method of an instance, or of a class
///
/// Exits with 1 where the method says with its return value that it failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm wsman invoke ESM_Alive SendTestAlert     every subscriber is told of alert 60B")]
pub struct InvokeArgs {
    #[command(flatten)]
    instance: InstanceArgs,
    /// The method
    #[arg(value_name = "METHOD")]
    method: String,
    /// Its arguments
    #[arg(value_name = "NAME=VALUE")]
    values: Vec<String>,
    /// Give NULL for a parameter
    #[arg(long = "null", value_name = "NAME")]
    nulls: Vec<String>,
}

/// Changes properties of one instance.
pub async fn put(args: &PutArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let nulls = names(&args.nulls)?;
    let resource = session.resolve(args.instance.name()?).await?;
    let mut instance = session.client.get(&resource).await?.content;
    let class = session.classes.find(&Name::new(&instance.class_name));
    let types = |name: &Name| declared_property(class.as_deref(), name);
    assign(&mut instance, &args.values, &nulls, types)?;
    let Received { content, envelope } = session.client.put(&resource, instance).await?;
    if let Some(instance) = content {
        session.write_instance(&instance, &envelope)?;
    }
    Ok(Exit::Done)
}

/// Makes an instance, and prints its name.
pub async fn create(args: &CreateArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let nulls = names(&args.nulls)?;
    let (uri, class_name) = class_uri(&args.class)?;
    let class = session.classes.find(&class_name);
    let mut instance = RawInstance {
        class_name: class_name.as_str().to_owned(),
        ns: uri.clone(),
        properties: Vec::new(),
    };
    let types = |name: &Name| declared_property(class.as_deref(), name);
    assign(&mut instance, &args.values, &nulls, types)?;
    let resource = session.class_resource(&uri);
    let Received { content, envelope } = session.client.create(&resource, instance).await?;
    match session.common.output {
        Format::Table => session.out.line(&printable(&show_reference(&content)))?,
        Format::Json => session.out.json(&json!({ "__path": show_reference(&content) }))?,
        Format::Xml => session.write_body(&envelope)?,
    }
    Ok(Exit::Done)
}

/// Deletes one instance.
pub async fn delete(args: &DeleteArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let resource = session.resolve(args.instance.name()?).await?;
    session.client.delete(&resource).await?;
    Ok(Exit::Done)
}

/// Calls a method, and prints what it returns.
pub async fn invoke(args: &InvokeArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let nulls = names(&args.nulls)?;
    let method = Name::parse(&args.method).map_err(|error| Failure::new(Exit::Usage, error))?;
    let name = args.instance.name()?;
    let class = session.classes.find(&name.class_name);
    let mut call = Invoke::new(&name.resource_uri, method.as_str());
    let types = |name: &Name| declared_parameter(class.as_deref(), &method, name);
    assign(&mut call.arguments, &args.values, &nulls, types)?;
    let resource = session.resolve(name).await?;
    let Received { content, envelope } = session.client.invoke(&resource, call).await?;
    let outputs = session.classes.outputs(&content, class.as_deref(), &method);
    match session.common.output {
        Format::Xml => session.write_body(&envelope)?,
        Format::Json => {
            let mut object: Map<String, Json> = instance_json(&outputs, None);
            object.remove("__class");
            session.out.json(&object.into())?;
        }
        Format::Table => {
            for property in outputs.properties() {
                let text = property.value.as_ref().map(|value| value_text(value, None));
                let text = printable(&text.unwrap_or_default());
                session
                    .out
                    .line(format!("{}  {text}", property.name).trim_end())?;
            }
        }
    }
    // A method without a return value, or with one of another kind, tells nothing of failure.
    let failed = outputs
        .get("ReturnValue")
        .and_then(Value::as_u64)
        .is_some_and(|code| code != 0);
    Ok(if failed { Exit::Negative } else { Exit::Done })
}

fn names(texts: &[String]) -> Result<Vec<Name>, Failure> {
    let names = texts.iter().map(|text| Name::parse(text));
    let names: Result<_, _> = names.collect();
    names.map_err(|error| Failure::new(Exit::Usage, error))
}

/// The type of a property, where the class is known to declare it; whether it does is for the agent to say.
fn declared_property(class: Option<&Class>, name: &Name) -> Option<TypeDecl> {
    Some(class?.property(name.as_str())?.ty.clone())
}

/// The type of a parameter, likewise.
fn declared_parameter(class: Option<&Class>, method: &Name, name: &Name) -> Option<TypeDecl> {
    let method = class?.method(method.as_str())?;
    Some(method.parameter(name.as_str())?.ty.clone())
}

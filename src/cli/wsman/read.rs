//! `esm wsman identify` and `get`.

use serde_json::{Value as Json, json};

use super::Session;
use super::arguments::InstanceArgs;
use crate::cim::query::nearest;
use crate::cim::{Instance, Name};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Format, printable};
use crate::cli::show::json::instance_json;
use crate::cli::show::layout::Layout;
use crate::client::wsman::{Received, WsmanError, items};
use crate::wsman::RawInstance;

/// Ask who is there; over the network everybody may
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm wsman identify                                    the agent of this machine
  esm wsman --url https://server --pin SHA256 identify  no login is needed")]
pub struct IdentifyArgs {}

/// Read one instance
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm wsman get ESM_GeneralInformation
  esm wsman get 'ESM_Processor?DeviceID=_Total' --output json
  esm wsman get 'ESM_MonitorSetting?InstanceID=cpu' --properties State,Warning
  esm wsman get ESM_FileSystemThread --selector Name=/srv/a&b")]
pub struct GetArgs {
    #[command(flatten)]
    instance: InstanceArgs,
    /// Show only these properties
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    properties: Vec<String>,
}

/// The names that `--properties` gives; `None` where it does not stand.
///
/// # Errors
/// If one is none.
pub fn property_names(given: &[String]) -> Result<Option<Vec<Name>>, Failure> {
    let names = given.iter().map(|name| Name::parse(name.trim()));
    let names: Vec<Name> = names
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok((!names.is_empty()).then_some(names))
}

/// Leaves these properties of the instance, in this order.
fn select(instance: &mut RawInstance, wanted: &[Name]) -> Result<(), Failure> {
    let find = |name: &Name| {
        let found = instance.properties.iter().find(|(known, _)| *name == **known);
        found.cloned().ok_or_else(|| {
            let known = instance.properties.iter().map(|(known, _)| known.as_str());
            unknown_property(name, known)
        })
    };
    let selected = wanted.iter().map(find).collect::<Result<_, _>>()?;
    instance.properties = selected;
    Ok(())
}

/// Says that there is no such property, and which may have been meant.
pub fn unknown_property<'n>(name: &Name, known: impl IntoIterator<Item = &'n str>) -> Failure {
    let message = match nearest(name.as_str(), known) {
        Some(meant) => format!("there is no property `{name}`; did you mean `{meant}`?"),
        None => format!("there is no property `{name}`; without --properties all are shown"),
    };
    Failure::new(Exit::Usage, message)
}

/// Asks who is there.
pub async fn identify(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let Received { content, envelope } = session.client.identify().await?;
    match session.common.output {
        Format::Table => {
            for (name, value) in [
                ("Vendor", content.product_vendor),
                ("Version", content.product_version),
                ("Security profiles", content.security_profiles.join(", ")),
            ] {
                session.out.line(&format!("{name:18} {}", printable(&value)))?;
            }
        }
        Format::Json => session.out.json(&json!({
            "vendor": content.product_vendor,
            "version": content.product_version,
            "security_profiles": content.security_profiles,
        }))?,
        Format::Xml => session.write_body(&envelope)?,
    }
    Ok(Exit::Done)
}

/// Reads one instance.
pub async fn get(args: &GetArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let wanted = property_names(&args.properties)?;
    let resource = session.resolve(args.instance.name()?).await?;
    let mut received = session.client.get(&resource).await?;
    if let Some(wanted) = wanted {
        select(&mut received.content, &wanted)?;
    }
    session.write_instance(&received.content, &received.envelope)?;
    Ok(Exit::Done)
}

impl Session<'_> {
    /// Writes the one instance of a reply in the form that was asked for.
    pub fn write_instance(&mut self, raw: &RawInstance, envelope: &str) -> Result<(), Failure> {
        match self.common.output {
            Format::Xml => return self.write_body(envelope),
            Format::Table => self.write_list(&self.classes.typed(raw))?,
            Format::Json => {
                let object = instance_json(&self.classes.typed(raw), None);
                self.out.json(&Json::from(object))?;
            }
        }
        Ok(())
    }

    fn write_list(&mut self, instance: &Instance) -> std::io::Result<()> {
        Layout::List.write(self.out, instance, &self.classes)
    }

    /// Writes what the body of an envelope holds, as it came.
    pub fn write_body(&mut self, envelope: &str) -> Result<(), Failure> {
        let xml = items::body_xml(envelope).map_err(|error| WsmanError::Malformed(error.to_string()))?;
        Ok(self.out.line(&xml.unwrap_or_default())?)
    }
}

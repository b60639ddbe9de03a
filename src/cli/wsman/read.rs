//! `esm wsman identify` and `get`.

use serde_json::{Value as Json, json};

use super::Session;
use super::arguments::InstanceArgs;
use crate::cim::Instance;
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
  esm wsman get ESM_FileSystemThread --selector Name=/srv/a&b")]
pub struct GetArgs {
    #[command(flatten)]
    instance: InstanceArgs,
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
    let resource = session.resolve(args.instance.name()?).await?;
    let received = session.client.get(&resource).await?;
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

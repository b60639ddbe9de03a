//! `esm wsman enumerate`.

use clap::ValueEnum;

use super::Session;
use super::printer::{Printer, Progress};
use super::read::property_names;
use crate::cim::Name;
use crate::cli::exit::{Exit, Failure};
use crate::client::instance_name::{InstanceName, class_uri, parse_pair};
use crate::client::wsman::{EnumerationRequest, Resource};
use crate::wsman::filter::AssociationFilter;
use crate::wsman::{EnumerationMode, Filter, PolymorphismMode, Selector, SelectorSet, SelectorValue, ns};

/// List the instances of a class, or those that a filter finds
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  esm wsman enumerate ESM_Processor
  esm wsman enumerate ESM_FileSystemThread --properties Name,FreePercent
  esm wsman enumerate --filter 'select Name from ESM_FileSystemThread where FreePercent < 10'
  esm wsman enumerate ESM_Network --dialect selector --filter DeviceID=eth0
  esm wsman enumerate ESM_Processor --dialect xpath --filter 'LoadPercentage > 50'
  esm wsman enumerate --associated-with ESM_GeneralInformation --result-class ESM_Processor
  esm wsman enumerate CIM_ManagedElement --epr

Several instances make a table of the properties that tell most and fit into a line; --list shows
all of them.")]
pub struct EnumerateArgs {
    /// The class; a query or an association needs none
    #[arg(value_name = "CLASS", required_unless_present_any = ["filter", "associated_with", "references_of"])]
    class: Option<String>,
    /// Only what fits: a query, an expression, or Key=Value&Key2=Value
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["associated_with", "references_of"])]
    filter: Option<String>,
    /// The language of the filter
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "DIALECT",
        requires = "filter"
    )]
    dialect: Dialect,
    /// The instances that associations relate to this one
    #[arg(long, value_name = "INSTANCE", conflicts_with = "references_of")]
    associated_with: Option<InstanceName>,
    /// The associations that refer to this instance
    #[arg(long, value_name = "INSTANCE")]
    references_of: Option<InstanceName>,
    #[command(flatten)]
    walk: WalkArgs,
    /// References to the instances in their place
    #[arg(long, conflicts_with = "object_and_epr")]
    epr: bool,
    /// References beside the instances
    #[arg(long)]
    object_and_epr: bool,
    /// How instances of subclasses are shown
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    polymorphism: Polymorphism,
    /// Stop after so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// How many the agent may send in one message
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: Option<u32>,
    /// Show only these properties
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    properties: Vec<String>,
    /// Show every property, one on each line
    #[arg(long, conflicts_with = "properties")]
    list: bool,
}

/// Where associations lead to.
#[derive(Debug, clap::Args)]
struct WalkArgs {
    /// Through this association only
    #[arg(long, value_name = "CLASS", requires = "associated_with")]
    association_class: Option<String>,
    /// The part that the instance plays in the association
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// Results of this class only
    #[arg(long, value_name = "CLASS")]
    result_class: Option<String>,
    /// The part that the results play in the association
    #[arg(long, value_name = "NAME", requires = "associated_with")]
    result_role: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Dialect {
    /// The WMI query language
    #[default]
    Wql,
    /// The CIM query language
    Cql,
    /// XPath, level 1
    Xpath,
    /// Keys that must be equal
    Selector,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Polymorphism {
    /// As they are
    #[default]
    Include,
    /// As instances of the class that was asked for
    Exclude,
    /// Not at all
    None,
}

/// Lists instances, or references to them.
pub async fn run(args: &EnumerateArgs, session: &mut Session<'_>) -> Result<Exit, Failure> {
    let (resource, filter) = args.target(session).await?;
    let most = args.max.unwrap_or(u64::MAX);
    let request = EnumerationRequest {
        filter,
        mode: args.mode(),
        polymorphism: args.polymorphism(),
        batch: args.batch.or_else(|| u32::try_from(args.max?).ok()),
    };
    let select = property_names(&args.properties)?;
    let Session {
        client,
        common,
        classes,
        out,
    } = session;
    let mut printer = Printer::new(common.output, select, args.list, classes, out);
    let mut progress = Progress::new();
    let mut left = most;
    let mut enumeration = client.enumerate(resource, request);
    while left > 0
        && let Some(mut batch) = enumeration.next_batch().await?
    {
        batch.items.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= batch.items.len() as u64;
        progress.show(most - left);
        printer.take(batch)?;
    }
    enumeration.release().await?;
    progress.clear();
    printer.finish()?;
    Ok(Exit::Done)
}

impl EnumerateArgs {
    /// What is asked, and with which filter.
    async fn target(&self, session: &mut Session<'_>) -> Result<(Resource, Option<Filter>), Failure> {
        let uri = match &self.class {
            Some(class) => class_uri(class)?.0,
            None => ns::ALL_CLASSES.to_owned(),
        };
        let resource = session.class_resource(&uri);
        if let Some(text) = &self.filter {
            return Ok((resource, Some(self.filter(text)?)));
        }
        let filter = match (&self.associated_with, &self.references_of) {
            (Some(start), _) => Filter::AssociatedInstances(self.walk(start, session).await?),
            (None, Some(start)) => Filter::AssociationInstances(self.walk(start, session).await?),
            (None, None) => return Ok((resource, None)),
        };
        // An association is asked of all classes: the class of what comes is part of the filter.
        Ok((session.class_resource(ns::ALL_CLASSES), Some(filter)))
    }

    fn filter(&self, text: &str) -> Result<Filter, Failure> {
        Ok(match self.dialect {
            Dialect::Wql => Filter::Wql(text.to_owned()),
            Dialect::Cql => Filter::Cql(text.to_owned()),
            Dialect::Xpath => Filter::XPath(text.to_owned()),
            Dialect::Selector => {
                let mut selectors = Vec::new();
                for pair in text.split('&') {
                    let (name, value) = parse_pair(pair)?;
                    let value = SelectorValue::Text(value.to_owned());
                    selectors.push(Selector { name, value });
                }
                Filter::Selectors(SelectorSet(selectors))
            }
        })
    }

    async fn walk(
        &self,
        start: &InstanceName,
        session: &mut Session<'_>,
    ) -> Result<AssociationFilter, Failure> {
        let resource = session.resolve_wholly(start.clone()).await?;
        let name = |text: &Option<String>| {
            let name = text.as_deref().map(Name::parse).transpose();
            name.map_err(|error| Failure::new(Exit::Usage, error))
        };
        // A class that stands as the argument is that of the results.
        let result_class = self.walk.result_class.clone().or_else(|| self.class.clone());
        Ok(AssociationFilter {
            object: resource.to_reference(),
            association_class: name(&self.walk.association_class)?,
            role: name(&self.walk.role)?,
            result_class: name(&result_class)?,
            result_role: name(&self.walk.result_role)?,
            properties: Vec::new(),
        })
    }

    const fn mode(&self) -> EnumerationMode {
        match (self.epr, self.object_and_epr) {
            (true, _) => EnumerationMode::Epr,
            (_, true) => EnumerationMode::ObjectAndEpr,
            _ => EnumerationMode::Object,
        }
    }

    const fn polymorphism(&self) -> PolymorphismMode {
        match self.polymorphism {
            Polymorphism::Include => PolymorphismMode::IncludeSubClassProperties,
            Polymorphism::Exclude => PolymorphismMode::ExcludeSubClassProperties,
            Polymorphism::None => PolymorphismMode::None,
        }
    }
}

//! From the configuration to the parts of an agent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::StartError;
use super::settings::InForce;
use super::upkeep::Reporting;
use crate::broker::Broker;
use crate::cim::schema::Schema;
use crate::cim::{Class, Name, Namespace};
use crate::clock::SharedClock;
use crate::config::{Config, Mode, Remote, Trust, Value};
use crate::delivery::connection::{ConnectionOptions, DestinationTrust};
use crate::delivery::wsman::WsmanCourierOptions;
use crate::delivery::{DestinationRule, Registry, RetrySchedule, Settings};
use crate::host::{FileSystemRule, Host, HostOptions, Root};
use crate::net::accounts::Accounts;
use crate::net::local_peer::LocalPeers;
use crate::net::tls::client::system_authorities;
use crate::net::tls::server::{ClientCertificates, ClientMapping, ServerTls};
use crate::net::tls::{TlsError, read_authorities};
use crate::provider::agent_health::{AgentHealthProvider, Workers};
use crate::provider::alive::AliveProvider;
use crate::provider::configuration_value::{ConfigurationInForce, ConfigurationValueProvider};
use crate::provider::indication_filter::IndicationFilterProvider;
use crate::provider::indication_subscription::IndicationSubscriptionProvider;
use crate::provider::interop::indication_service::IndicationControl;
use crate::provider::listener_destination::ListenerDestinationProvider;
use crate::provider::monitor_setting::{
    MonitorControl, MonitorSettingForElementProvider, MonitorSettingProvider,
};
use crate::provider::remote_setting::{RemoteSettingProvider, RemoteSettings};
use crate::provider::subscription::SubscriptionProvider;
use crate::provider::{HostProviders, InstanceProvider, InteropParts, InteropProviders, MissingClass};
use crate::server::cimxml::CimxmlOptions;
use crate::server::contexts::ContextLimits;
use crate::server::wsman::WsmanOptions;
use crate::server::{Authenticator, BindError, Endpoint, Limits, Listener, Sharing};
use crate::subscription::LeaseTerms;
use crate::syslog::SyslogWriter;
use crate::xml;

const ESM: Namespace = Namespace::from_static("root/ESMPRO/AS");
const CIMV2: Namespace = Namespace::from_static("root/cimv2");
const INTEROP: Namespace = Namespace::from_static("root/interop");
const ROOT: Namespace = Namespace::from_static("root");
/// Alerts that the history keeps.
const KEEP_ALERTS: u64 = 10_000;

/// The machine, read as configured.
pub(super) fn host(config: &Config, clock: &SharedClock) -> Host {
    let options = HostOptions {
        max_age: config.host.max_age,
        answer_deadline: config.host.mount_timeout,
        file_systems: file_system_rule(config),
        ..HostOptions::default()
    };
    Host::new(Root::live(), options, Arc::clone(clock))
}

/// Which file systems are monitored.
pub(super) fn file_system_rule(config: &Config) -> FileSystemRule {
    let texts = |paths: &[std::path::PathBuf]| {
        paths
            .iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect()
    };
    FileSystemRule {
        include: texts(&config.file_systems.include),
        exclude: texts(&config.file_systems.exclude),
        types: config.file_systems.types.clone(),
        min_size_bytes: config.file_systems.min_size_bytes,
    }
}

/// What providers are made of.
pub(super) struct AgentParts<'a> {
    pub(super) config: &'a Config,
    pub(super) in_force: &'a InForce,
    pub(super) clock: &'a SharedClock,
    pub(super) host: &'a Host,
    pub(super) reporting: Option<&'a Reporting>,
    pub(super) monitors: Arc<dyn MonitorControl>,
    pub(super) remote: Arc<dyn RemoteSettings>,
    pub(super) configuration: Arc<dyn ConfigurationInForce>,
    pub(super) indications: Option<Arc<dyn IndicationControl>>,
    pub(super) workers: Arc<dyn Workers>,
}

/// Every provider in its namespaces.
pub(super) fn broker(schema: Arc<Schema>, parts: &AgentParts<'_>) -> Result<Broker, StartError> {
    let classes = schema
        .shared(&ESM)
        .ok_or_else(|| MissingClass("ESM_GeneralInformation".into()))?;
    let interop_classes = schema
        .shared(&INTEROP)
        .ok_or_else(|| MissingClass("CIM_ObjectManager".into()))?;
    let class = |name: &Name| {
        classes
            .class(name)
            .cloned()
            .ok_or_else(|| MissingClass(name.clone()))
    };
    let provider_only = parts.config.agent.mode == Mode::ProviderOnly;
    let hosts = HostProviders::new(parts.host, parts.clock, &classes, provider_only)?;
    let wbem = match parts.reporting {
        Some(reporting) => wbem_providers(&schema, &reporting.registry, &class)?,
        None => Vec::new(),
    };
    let is_affected = |provider: &&Arc<dyn InstanceProvider>| {
        let class = interop_classes.class(provider.class_name());
        class.is_some_and(|class| !class.is_association())
    };
    let interop = InteropProviders::new(&InteropParts {
        host: parts.host,
        clock: parts.clock,
        schema: &schema,
        classes: &interop_classes,
        hosts: &hosts,
        longest_pull: {
            let in_force = parts.in_force.clone();
            Arc::new(move || in_force.get().wsman.context_expiry)
        },
        indications: parts.indications.clone(),
        affected: wbem.iter().filter(is_affected).cloned().collect(),
    })?;
    let mut broker = Broker::builder(Arc::clone(&schema));
    for provider in hosts.system {
        broker = broker.serve(&[ESM, CIMV2, INTEROP], provider);
    }
    for provider in hosts.parts {
        broker = broker.serve(&[ESM, CIMV2], provider);
    }
    for provider in wbem {
        broker = broker.serve(&[ESM, INTEROP], provider);
    }
    for provider in interop.interop {
        broker = broker.serve(&[INTEROP], provider);
    }
    for provider in interop.everywhere {
        broker = broker.serve(&[ROOT, ESM, CIMV2, INTEROP], provider);
    }
    let settings = MonitorSettingProvider::new(
        class(&MonitorSettingProvider::CLASS)?,
        Arc::clone(&parts.monitors),
    );
    let of_element = MonitorSettingForElementProvider::new(
        class(&MonitorSettingForElementProvider::CLASS)?,
        Arc::clone(&parts.monitors),
    );
    let health = AgentHealthProvider::new(class(&AgentHealthProvider::CLASS)?, Arc::clone(&parts.workers));
    let remote = RemoteSettingProvider::new(class(&RemoteSettingProvider::CLASS)?, Arc::clone(&parts.remote));
    let configuration = ConfigurationValueProvider::new(
        class(&ConfigurationValueProvider::CLASS)?,
        Arc::clone(&parts.configuration),
    );
    broker = broker
        .serve(&[ESM], Arc::new(configuration))
        .serve(&[ESM], Arc::new(remote))
        .serve(&[ESM], Arc::new(settings))
        .serve(&[ESM], Arc::new(of_element))
        .serve(&[ESM], Arc::new(health));
    if let Some(reporting) = parts.reporting {
        let clock = Arc::clone(parts.clock);
        let alive = AliveProvider::new(class(&AliveProvider::CLASS)?, clock, reporting.reports.alive());
        let subscriptions =
            SubscriptionProvider::new(class(&SubscriptionProvider::CLASS)?, reporting.registry.clone());
        broker = broker
            .serve(&[ESM], Arc::new(alive))
            .serve(&[ESM], Arc::new(subscriptions));
    }
    #[cfg(feature = "test-provider")]
    if let Some(reporting) = parts.reporting {
        use crate::provider::test_provider::{TestDelayProvider, TestIndicationProvider};
        const TEST: Namespace = Namespace::from_static("test/TestProvider");
        let indications = TestIndicationProvider(reporting.reports.tests());
        broker = broker
            .serve(&[TEST], Arc::new(indications))
            .serve(&[TEST], Arc::new(TestDelayProvider));
    }
    Ok(broker.build()?)
}

/// Filters, destinations and subscriptions as the WBEM way has them.
fn wbem_providers(
    schema: &Schema,
    registry: &Registry,
    class: &dyn Fn(&Name) -> Result<Arc<Class>, MissingClass>,
) -> Result<Vec<Arc<dyn InstanceProvider>>, MissingClass> {
    let is_served = |name: &&Namespace| {
        schema
            .namespace(name)
            .is_some_and(|namespace| [ESM, INTEROP].contains(namespace.name()))
    };
    let namespaces: Vec<Namespace> = schema.names().filter(is_served).cloned().collect();
    let filters = IndicationFilterProvider::new(class(&IndicationFilterProvider::CLASS)?, registry.clone());
    let mut providers: Vec<Arc<dyn InstanceProvider>> = vec![Arc::new(filters)];
    for name in &ListenerDestinationProvider::CLASSES {
        let listeners = ListenerDestinationProvider::new(class(name)?, registry.clone());
        providers.push(Arc::new(listeners));
    }
    for name in [
        IndicationSubscriptionProvider::CLASS,
        IndicationSubscriptionProvider::FORMATTED,
    ] {
        let (class, namespaces) = (class(&name)?, namespaces.clone());
        let subscriptions = IndicationSubscriptionProvider::new(class, registry.clone(), namespaces);
        providers.push(Arc::new(subscriptions));
    }
    Ok(providers)
}

/// The configuration with the remote values that were kept. What no longer fits is left out and returned: with
/// each such value those that were set beside it, the other levels of a monitor, as they were meant together.
pub(super) fn with_remote(config: Config, kept: &BTreeMap<String, String>) -> (Config, Vec<String>) {
    let mut refused = Vec::new();
    let mut groups: BTreeMap<&str, Remote> = BTreeMap::new();
    for (key, text) in kept {
        let group = key.rsplit_once('.').map_or(key.as_str(), |(group, _)| group);
        match text.parse::<Value>() {
            Ok(value) => drop(groups.entry(group).or_default().insert(key.clone(), value)),
            Err(error) => refused.push(format!("{key}: {error}")),
        }
    }
    let all: Remote = groups.values().flatten().map(owned).collect();
    if let Ok(config) = config.with_remote(&all) {
        return (config, refused);
    }
    let mut fitting = config;
    for group in groups.values() {
        let mut remote = fitting.remote();
        remote.extend(group.iter().map(owned));
        match fitting.with_remote(&remote) {
            Ok(with_group) => fitting = with_group,
            Err(faults) => refused.extend(faults.iter().map(ToString::to_string)),
        }
    }
    (fitting, refused)
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// What of subscriptions and deliveries can be set.
pub(super) fn delivery_settings(config: &Config, system_name: &str) -> Settings {
    let (subscriptions, delivery) = (&config.subscriptions, &config.delivery);
    Settings {
        terms: LeaseTerms {
            default: subscriptions.default_lease,
            min: subscriptions.min_lease,
            max: subscriptions.max_lease,
        },
        queue_keep: subscriptions.queue_keep,
        max_per_account: subscriptions.max_per_account,
        rule: DestinationRule::new(subscriptions.allow_destinations.clone()),
        retry: RetrySchedule {
            first: delivery.retry_first,
            max: delivery.retry_max,
            total: delivery.retry_total,
            attempts: delivery.retry_attempts,
        },
        on_fatal_error: delivery.removal_action,
        default_port: delivery.default_port,
        filter_creation: subscriptions.filter_creation,
        max_queue_bytes: delivery.max_queue_bytes,
        keep_alerts: KEEP_ALERTS,
        system_name: system_name.to_owned(),
    }
}

/// How deliveries are made.
pub(super) fn courier_options(config: &Config) -> Result<WsmanCourierOptions, TlsError> {
    let delivery = &config.delivery;
    let trust = match delivery.trust {
        Trust::Pin => DestinationTrust::Pin,
        Trust::Off => DestinationTrust::Off,
        Trust::Ca => DestinationTrust::Authorities(match &delivery.ca_file {
            Some(file) => read_authorities(file)?,
            None => system_authorities()?,
        }),
    };
    let connection = ConnectionOptions {
        trust,
        connect: delivery.connect,
        reply: delivery.reply,
        rule: DestinationRule::new(config.subscriptions.allow_destinations.clone()),
    };
    Ok(WsmanCourierOptions {
        connection: Arc::new(connection),
        manager_address: config.wsman.path.clone(),
    })
}

/// How WS-Management is served.
pub(super) fn wsman_options(config: &Config) -> WsmanOptions {
    WsmanOptions {
        path: config.wsman.path.clone(),
        vendor_prefixes: config
            .wsman
            .vendor_uri_prefix
            .iter()
            .map(|prefix| Arc::from(prefix.as_str()))
            .collect(),
        max_envelope_bytes: config.wsman.max_envelope_bytes,
        delivery_port: config.delivery.default_port,
        xml: xml_limits(config),
    }
}

/// How CIM-XML is served.
pub(super) fn cimxml_options(config: &Config, system_name: &Arc<str>) -> CimxmlOptions {
    CimxmlOptions {
        server_name: Arc::clone(system_name),
        max_reply_bytes: config.cimxml.max_reply_bytes,
        max_operation_timeout: config.wsman.context_expiry,
        xml: xml_limits(config),
    }
}

fn xml_limits(config: &Config) -> xml::Limits {
    xml::Limits {
        total_bytes: config.limits.max_body_bytes,
        depth: config.limits.max_xml_depth,
        attributes: config.limits.max_xml_attributes,
        tag_bytes: config.limits.max_xml_tag_bytes,
        text_bytes: config.limits.max_xml_text_bytes,
        ..xml::Limits::default()
    }
}

/// How many enumerations may be open, of both protocols together.
pub(super) fn context_limits(config: &Config) -> ContextLimits {
    ContextLimits {
        per_account: config.wsman.max_contexts_per_account,
        total_weight: config.wsman.max_contexts_bytes,
        idle: config.wsman.context_expiry,
    }
}

/// How many bodies of the largest size have room at once; of smaller ones more.
const LARGEST_BODIES_AT_ONCE: usize = 16;
/// Requests without a login that are worked on at once. Only Identify is one, which waits for nothing.
const ANONYMOUS_IN_FLIGHT: usize = 16;
/// The same from one address.
const ANONYMOUS_IN_FLIGHT_PER_SOURCE: usize = 4;

/// What callers may take of the server.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        body_bytes: config.limits.max_body_bytes,
        anonymous_body_bytes: config.limits.max_anonymous_body_bytes,
        bodies_bytes: config.limits.max_body_bytes * LARGEST_BODIES_AT_ONCE,
        head_bytes: config.limits.max_head_bytes,
        connections: config.limits.max_connections,
        connections_per_source: config.limits.max_connections_per_source,
        requests_in_flight: config.limits.max_requests_in_flight,
        anonymous_in_flight: ANONYMOUS_IN_FLIGHT,
        anonymous_in_flight_per_source: ANONYMOUS_IN_FLIGHT_PER_SOURCE,
        handshake: config.limits.handshake,
        header: config.limits.header,
        body: config.limits.body,
        idle: config.limits.idle,
        write_stall: config.limits.write_stall,
        failed_login_pause: config.limits.login_pause,
    }
}

/// Who is known: the accounts file, PAM if configured, and the peers of the local socket.
pub(super) fn authenticator(config: &Config, accounts: &Arc<Accounts>) -> Result<Authenticator, StartError> {
    let peers = LocalPeers::new(config.local.group.clone());
    let authenticator = Authenticator::new(Some(Arc::clone(accounts)), Some(peers));
    match &config.accounts.pam_service {
        Some(service) => with_pam(authenticator, service),
        None => Ok(authenticator),
    }
}

#[cfg(feature = "pam")]
fn with_pam(authenticator: Authenticator, service: &str) -> Result<Authenticator, StartError> {
    let pam = crate::net::pam::Pam::new(service).map_err(StartError::Random)?;
    Ok(authenticator.or(Arc::new(pam)))
}

#[cfg(not(feature = "pam"))]
fn with_pam(_: Authenticator, _: &str) -> Result<Authenticator, StartError> {
    Err(StartError::NoPam)
}

/// Whose client certificates are a login, if anyone's.
pub(super) fn client_certificates(config: &Config) -> Result<Option<ClientCertificates>, TlsError> {
    let authority = config
        .tls
        .client_ca
        .as_deref()
        .map(read_authorities)
        .transpose()?;
    Ok(authority.map(|authority| ClientCertificates {
        authority,
        mapping: ClientMapping::CommonName,
    }))
}

/// Every place where the configuration has the server listen, in the order in which
/// [`Greeting`](super::greeting::Greeting) counts them. Each serves both protocols: they have paths of their own, and
/// an account has the same rights in both.
pub(super) fn endpoints(config: &Config) -> Vec<Endpoint> {
    let https = |addresses: &[SocketAddr]| addresses.iter().copied().map(Endpoint::Tls).collect();
    let http = |addresses: &[SocketAddr]| addresses.iter().copied().map(Endpoint::Plain).collect();
    let of_each_kind: [Vec<Endpoint>; 5] = [
        https(&config.wsman.listen),
        http(&config.wsman.http_listen),
        https(&config.cimxml.https_listen),
        http(&config.cimxml.http_listen),
        vec![Endpoint::Local(config.local.socket.clone())],
    ];
    of_each_kind.into_iter().flatten().collect()
}

/// All of them, bound.
pub(super) fn listeners(config: &Config, tls: &Arc<ServerTls>) -> Result<Vec<Listener>, BindError> {
    let endpoints = endpoints(config);
    let bind = |endpoint| Listener::bind(endpoint, tls, Sharing::Exclusive);
    endpoints.iter().map(bind).collect()
}

/// The writer to the system log, if alerts go there. Must be called within a tokio runtime.
pub(super) fn syslog(config: &Config, clock: &SharedClock) -> Option<SyslogWriter> {
    config
        .syslog
        .enabled
        .then(|| SyslogWriter::start(config.syslog.socket.clone(), Arc::clone(clock)))
}

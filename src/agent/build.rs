//! From the configuration to the parts of an agent.

use std::sync::Arc;

use super::StartError;
use crate::broker::Broker;
use crate::cim::Namespace;
use crate::cim::schema::Schema;
use crate::clock::SharedClock;
use crate::config::{Config, Mode};
use crate::host::{FileSystemRule, Host, HostOptions, Root};
use crate::net::tls::server::{ClientCertificates, ClientMapping, ServerTls};
use crate::net::tls::{TlsError, read_authorities};
use crate::provider::{HostProviders, MissingClass};
use crate::server::contexts::ContextLimits;
use crate::server::wsman::WsmanOptions;
use crate::server::{BindError, Limits, Listener};
use crate::xml;

const ESM: Namespace = Namespace::from_static("root/ESMPRO/AS");
const CIMV2: Namespace = Namespace::from_static("root/cimv2");

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

/// Every provider in its namespaces.
pub(super) fn broker(
    config: &Config,
    schema: Arc<Schema>,
    host: &Host,
    clock: &SharedClock,
) -> Result<Broker, StartError> {
    let classes = schema
        .shared(&ESM)
        .ok_or_else(|| MissingClass("ESM_GeneralInformation".into()))?;
    let provider_only = config.agent.mode == Mode::ProviderOnly;
    let HostProviders { system, parts } = HostProviders::new(host, clock, &classes, provider_only)?;
    let mut broker = Broker::builder(schema);
    for provider in system.into_iter().chain(parts) {
        broker = broker.serve(&[ESM, CIMV2], provider);
    }
    Ok(broker.build()?)
}

/// How WS-Management is served.
pub(super) fn wsman_options(config: &Config) -> WsmanOptions {
    let defaults = xml::Limits::default();
    WsmanOptions {
        path: config.wsman.path.clone(),
        vendor_prefixes: config
            .wsman
            .vendor_uri_prefix
            .iter()
            .map(|prefix| Arc::from(prefix.as_str()))
            .collect(),
        max_envelope_bytes: config.wsman.max_envelope_bytes,
        xml: xml::Limits {
            total_bytes: config.limits.max_body_bytes,
            depth: config.limits.max_xml_depth,
            attributes: config.limits.max_xml_attributes,
            tag_bytes: config.limits.max_xml_tag_bytes,
            text_bytes: config.limits.max_xml_text_bytes,
            ..defaults
        },
        contexts: ContextLimits {
            per_account: config.wsman.max_contexts_per_account,
            total_weight: config.wsman.max_contexts_bytes,
            idle: config.wsman.context_expiry,
        },
    }
}

/// What callers may take of the server.
pub(super) fn limits(config: &Config) -> Limits {
    Limits {
        body_bytes: config.limits.max_body_bytes,
        anonymous_body_bytes: config.limits.max_anonymous_body_bytes,
        head_bytes: config.limits.max_head_bytes,
        connections: config.limits.max_connections,
        connections_per_source: config.limits.max_connections_per_source,
        requests_in_flight: config.limits.max_requests_in_flight,
        handshake: config.limits.handshake,
        header: config.limits.header,
        body: config.limits.body,
        idle: config.limits.idle,
        write_stall: config.limits.write_stall,
        failed_login_pause: config.limits.login_pause,
    }
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

/// Every socket that the configuration names, bound.
pub(super) fn listeners(config: &Config, tls: &Arc<ServerTls>) -> Result<Vec<Listener>, BindError> {
    let mut listeners = Vec::new();
    for address in &config.wsman.listen {
        listeners.push(Listener::tls(*address, Arc::clone(tls))?);
    }
    for address in &config.wsman.http_listen {
        listeners.push(Listener::plain(*address)?);
    }
    listeners.push(Listener::local(&config.local.socket)?);
    Ok(listeners)
}

//! The validated sections: what the rooms below read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::network::Network;
use super::values::Values;
use crate::subscription::OnFatalError;

/// What the agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Serves, monitors and reports.
    Service,
    /// Serves CIM data alone: no monitors, no reports, and settings refuse writes.
    ProviderOnly,
}

/// `[agent]`.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentConfig {
    /// What the agent does.
    pub mode: Mode,
}

/// `[wsman]`.
#[derive(Clone, Debug, PartialEq)]
pub struct WsmanConfig {
    /// Addresses for HTTPS.
    pub listen: Vec<SocketAddr>,
    /// Addresses for plain HTTP: loopback ones unless forced.
    pub http_listen: Vec<SocketAddr>,
    /// The path of the service.
    pub path: String,
    /// The prefix of the vendor form of resource URIs, ending in `/`.
    pub vendor_uri_prefix: Option<String>,
    /// The largest reply.
    pub max_envelope_bytes: usize,
    /// Open enumerations of one account.
    pub max_contexts_per_account: usize,
    /// Memory of all open enumerations together.
    pub max_contexts_bytes: usize,
    /// An idle enumeration ends after this time.
    pub context_expiry: Duration,
}

/// `[cimxml]`.
#[derive(Clone, Debug, PartialEq)]
pub struct CimxmlConfig {
    /// Addresses for HTTPS.
    pub https_listen: Vec<SocketAddr>,
    /// Addresses for plain HTTP.
    pub http_listen: Vec<SocketAddr>,
    /// The largest reply of an operation that is not pulled.
    pub max_reply_bytes: usize,
}

/// `[local]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalConfig {
    /// The local socket.
    pub socket: PathBuf,
    /// A group whose members may use it, beside root and the agent's own user.
    pub group: Option<String>,
}

/// `[tls]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsConfig {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Names and addresses that a self-made certificate is made out to, beside this machine's own.
    pub names: Vec<String>,
    /// Authorities whose client certificates are accepted as a login.
    pub client_ca: Option<PathBuf>,
}

/// `[accounts]`.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountsConfig {
    /// The account file.
    pub file: PathBuf,
    /// The PAM service whose users may log in, too.
    pub pam_service: Option<String>,
}

/// `[limits]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitsConfig {
    /// The largest request.
    pub max_body_bytes: usize,
    /// The largest request that needs no login.
    pub max_anonymous_body_bytes: usize,
    /// Request line and headers of a request.
    pub max_head_bytes: usize,
    /// Nesting of elements.
    pub max_xml_depth: usize,
    /// Attributes of one element.
    pub max_xml_attributes: usize,
    /// The longest single tag.
    pub max_xml_tag_bytes: usize,
    /// The longest single text.
    pub max_xml_text_bytes: usize,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections at once from one source address.
    pub max_connections_per_source: usize,
    /// Time for the TLS handshake.
    pub handshake: Duration,
    /// Time for the head of a request.
    pub header: Duration,
    /// Time for the body of a request.
    pub body: Duration,
    /// Time without a request after which a connection is closed.
    pub idle: Duration,
    /// Time without a byte of the reply being taken after which a caller is cut off.
    pub write_stall: Duration,
    /// The longest pause before a failed login is answered.
    pub login_pause: Duration,
    /// Requests worked on at once.
    pub max_requests_in_flight: usize,
    /// Time that requests in flight have to finish when the agent stops.
    pub stop: Duration,
}

/// `[host]`.
#[derive(Clone, Debug, PartialEq)]
pub struct HostConfig {
    /// A reading this young is served again.
    pub max_age: Duration,
    /// A file system that does not answer within this time is given up for this reading.
    pub mount_timeout: Duration,
}

/// `[file_systems]`.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSystemsConfig {
    /// Mount points that are monitored in any case.
    pub include: Vec<PathBuf>,
    /// Mount points that are never monitored.
    pub exclude: Vec<PathBuf>,
    /// The types that are monitored on fixed drives.
    pub types: Vec<String>,
    /// Smaller ones are not monitored.
    pub min_size_bytes: u64,
}

/// `[syslog]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SyslogConfig {
    /// Whether alerts are written to the system log.
    pub enabled: bool,
    /// Its socket.
    pub socket: PathBuf,
}

/// `[subscriptions]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscriptionsConfig {
    /// The lease when none is asked for.
    pub default_lease: Duration,
    /// The shortest lease granted.
    pub min_lease: Duration,
    /// The longest lease granted.
    pub max_lease: Duration,
    /// How long a queue outlives its lease.
    pub queue_keep: Duration,
    /// The least that is left of a lease after a reboot.
    pub reboot_grace: Duration,
    /// Networks to which alerts may be sent, beside the address that subscribed.
    pub allow_destinations: Vec<Network>,
    /// Subscriptions of one account.
    pub max_per_account: usize,
    /// Whether clients may make filters.
    pub filter_creation: bool,
}

/// How a manager's certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// By the certificate seen first from that destination.
    Pin,
    /// By an authority.
    Ca,
    /// Not at all.
    Off,
}

/// `[delivery]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryConfig {
    /// The port of a destination that names none.
    pub default_port: u16,
    /// How a manager's certificate is verified.
    pub trust: Trust,
    /// The authorities for [`Trust::Ca`]; the system's if `None`.
    pub ca_file: Option<PathBuf>,
    /// The pause before the first retry.
    pub retry_first: Duration,
    /// The longest pause.
    pub retry_max: Duration,
    /// A destination that fails for this long is given up.
    pub retry_total: Duration,
    /// How often one event is tried again; the largest number is without a bound.
    pub retry_attempts: u16,
    /// What becomes of the subscriptions of a destination that is given up.
    pub removal_action: OnFatalError,
    /// Time to connect, TLS handshake included.
    pub connect: Duration,
    /// Time that a manager has to answer.
    pub reply: Duration,
    /// What may wait for one destination.
    pub max_queue_bytes: u64,
}

/// The least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// An operator must act.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happens.
    Info,
    /// For finding a fault.
    Debug,
    /// Everything.
    Trace,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    /// The least severe level that is logged.
    pub level: LogLevel,
    /// The form of a line.
    pub format: LogFormat,
}

// Each section is taken from values that the table of keys has checked, so a word that stands in no
// arm below can only be the one of the last arm.

impl AgentConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        let mode = match values.text("agent.mode") {
            "provider-only" => Mode::ProviderOnly,
            _ => Mode::Service,
        };
        Self { mode }
    }
}

impl WsmanConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            listen: values.parsed("wsman.listen"),
            http_listen: values.parsed("wsman.http_listen"),
            path: values.text("wsman.path").to_owned(),
            vendor_uri_prefix: values.optional_text("wsman.vendor_uri_prefix").map(str::to_owned),
            max_envelope_bytes: values.size("wsman.max_envelope_bytes"),
            max_contexts_per_account: values.size("wsman.max_contexts_per_account"),
            max_contexts_bytes: values.size("wsman.max_contexts_bytes"),
            context_expiry: values.secs("wsman.context_expiry_secs"),
        }
    }
}

impl CimxmlConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            https_listen: values.parsed("cimxml.https_listen"),
            http_listen: values.parsed("cimxml.http_listen"),
            max_reply_bytes: values.size("cimxml.max_reply_bytes"),
        }
    }
}

impl LocalConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            socket: values.path("local.socket"),
            group: values.optional_text("local.group").map(str::to_owned),
        }
    }
}

impl TlsConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            certificate: values.path("tls.certificate"),
            key: values.path("tls.key"),
            names: values.list("tls.names").to_vec(),
            client_ca: values.optional_path("tls.client_ca"),
        }
    }
}

impl AccountsConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            file: values.path("accounts.file"),
            pam_service: values.optional_text("accounts.pam_service").map(str::to_owned),
        }
    }
}

impl LimitsConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            max_body_bytes: values.size("limits.max_body_bytes"),
            max_anonymous_body_bytes: values.size("limits.max_anonymous_body_bytes"),
            max_head_bytes: values.size("limits.max_head_bytes"),
            max_xml_depth: values.size("limits.max_xml_depth"),
            max_xml_attributes: values.size("limits.max_xml_attributes"),
            max_xml_tag_bytes: values.size("limits.max_xml_tag_bytes"),
            max_xml_text_bytes: values.size("limits.max_xml_text_bytes"),
            max_connections: values.size("limits.max_connections"),
            max_connections_per_source: values.size("limits.max_connections_per_source"),
            handshake: values.secs("limits.handshake_secs"),
            header: values.secs("limits.header_secs"),
            body: values.secs("limits.body_secs"),
            idle: values.secs("limits.idle_secs"),
            write_stall: values.secs("limits.write_stall_secs"),
            login_pause: values.secs("limits.login_pause_secs"),
            max_requests_in_flight: values.size("limits.max_requests_in_flight"),
            stop: values.secs("limits.stop_secs"),
        }
    }
}

impl HostConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            max_age: values.millis("host.max_age_millis"),
            mount_timeout: values.millis("host.mount_timeout_millis"),
        }
    }
}

impl FileSystemsConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            include: values.parsed("file_systems.include"),
            exclude: values.parsed("file_systems.exclude"),
            types: values.list("file_systems.types").to_vec(),
            min_size_bytes: values.integer("file_systems.min_size_bytes"),
        }
    }
}

impl SyslogConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            enabled: values.bool("syslog.enabled"),
            socket: values.path("syslog.socket"),
        }
    }
}

impl SubscriptionsConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            default_lease: values.secs("subscriptions.default_lease_secs"),
            min_lease: values.secs("subscriptions.min_lease_secs"),
            max_lease: values.secs("subscriptions.max_lease_secs"),
            queue_keep: values.secs("subscriptions.queue_keep_secs"),
            reboot_grace: values.secs("subscriptions.reboot_grace_secs"),
            allow_destinations: values.parsed("subscriptions.allow_destinations"),
            max_per_account: values.size("subscriptions.max_per_account"),
            filter_creation: values.bool("subscriptions.filter_creation"),
        }
    }
}

impl DeliveryConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        Self {
            default_port: u16::try_from(values.integer("delivery.default_port")).unwrap_or(u16::MAX),
            trust: match values.text("delivery.trust") {
                "ca" => Trust::Ca,
                "off" => Trust::Off,
                _ => Trust::Pin,
            },
            ca_file: values.optional_path("delivery.ca_file"),
            retry_first: values.secs("delivery.retry_first_secs"),
            retry_max: values.secs("delivery.retry_max_secs"),
            retry_total: values.secs("delivery.retry_total_secs"),
            retry_attempts: u16::try_from(values.integer("delivery.retry_attempts")).unwrap_or(u16::MAX),
            removal_action: match values.text("delivery.removal_action") {
                "disable" => OnFatalError::Disable,
                "ignore" => OnFatalError::Ignore,
                _ => OnFatalError::Remove,
            },
            connect: values.secs("delivery.connect_secs"),
            reply: values.secs("delivery.reply_secs"),
            max_queue_bytes: values.integer("delivery.max_queue_bytes"),
        }
    }
}

impl LogConfig {
    pub(super) fn from_values(values: &Values) -> Self {
        let level = match values.text("log.level") {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            "debug" => LogLevel::Debug,
            "trace" => LogLevel::Trace,
            _ => LogLevel::Info,
        };
        let format = match values.text("log.format") {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        };
        Self { level, format }
    }
}

//! The table of all keys.

use super::{Default, Key, Kind, SectionSchema, Unit};

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;
const DAY_SECS: i64 = 86_400;

/// Every section but `[[monitor]]`, in the order in which they are shown.
pub const SECTIONS: &[SectionSchema] = &[
    SectionSchema {
        name: "",
        doc: "Where the agent keeps what it must not lose.",
        keys: &[key(
            "state_dir",
            Kind::AbsolutePath,
            Default::StateDir,
            "The state folder: database, certificate, accounts. It is made on first start.",
        )],
    },
    SectionSchema {
        name: "agent",
        doc: "What the agent does.",
        keys: &[key(
            "mode",
            Kind::Choice(&["service", "provider-only"]),
            Default::Text("service"),
            "\"service\" monitors and reports; \"provider-only\" serves CIM data alone.",
        )],
    },
    SectionSchema {
        name: "wsman",
        doc: "WS-Management (DSP0226): where it listens and what it allows.",
        keys: &[
            key(
                "listen",
                Kind::SocketAddresses,
                Default::List(&["0.0.0.0:5986"]),
                "Addresses for HTTPS. Add \"[::]:5986\" for IPv6.",
            ),
            key(
                "http_listen",
                Kind::SocketAddresses,
                Default::List(&[]),
                "Addresses for plain HTTP. Loopback addresses only, unless `http_force` is true.",
            ),
            key(
                "http_force",
                Kind::Bool,
                Default::Bool(false),
                "Allows plain HTTP on other addresses than loopback. Passwords then cross the network in clear.",
            ),
            key(
                "path",
                Kind::UrlPath,
                Default::Text("/wsman"),
                "The path of the service.",
            ),
            key(
                "vendor_uri_prefix",
                Kind::UriPrefix,
                Default::Unset("no vendor form is served"),
                "One more form of resource URI: this prefix, then a class name.",
            ),
            key(
                "max_envelope_bytes",
                bytes(8 * KIB, 64 * MIB),
                Default::Integer(512 * KIB),
                "The largest reply; a client's MaxEnvelopeSize can only make it smaller.",
            ),
            key(
                "max_contexts_per_account",
                count(1, 10_000),
                Default::Integer(64),
                "Open enumerations of one account; beyond it that account's oldest idle one gives way.",
            ),
            key(
                "max_contexts_bytes",
                bytes(MIB, 1024 * MIB),
                Default::Integer(64 * MIB),
                "Memory of all open enumerations together.",
            ),
            key(
                "context_expiry_secs",
                secs(10, DAY_SECS),
                Default::Integer(600),
                "An open enumeration that nobody pulls from ends after this time.",
            ),
        ],
    },
    SectionSchema {
        name: "cimxml",
        doc: "CIM-XML (DSP0200): where it listens and what it allows. Open enumerations count with those of `[wsman]`.",
        keys: &[
            key(
                "https_listen",
                Kind::SocketAddresses,
                Default::List(&["0.0.0.0:5989"]),
                "Addresses for HTTPS. Add \"[::]:5989\" for IPv6; an empty list closes it.",
            ),
            key(
                "http_listen",
                Kind::SocketAddresses,
                Default::List(&["127.0.0.1:5988"]),
                "Addresses for plain HTTP. On other addresses than loopback passwords cross the network in clear: \
                 the log and `esm config check` warn of it.",
            ),
            key(
                "max_reply_bytes",
                bytes(64 * KIB, 1024 * MIB),
                Default::Integer(64 * MIB),
                "The largest reply of an operation that is not pulled; beyond it the client is told to pull.",
            ),
        ],
    },
    SectionSchema {
        name: "local",
        doc: "The local socket, through which the commands on this machine reach the agent.",
        keys: &[
            key("socket", Kind::AbsolutePath, Default::Socket, "Its path."),
            key(
                "group",
                Kind::Text,
                Default::Unset("only root and the agent's own user"),
                "A group whose members may use it too.",
            ),
        ],
    },
    SectionSchema {
        name: "tls",
        doc: "The agent's certificate, and whose client certificates it trusts.",
        keys: &[
            key(
                "certificate",
                Kind::AbsolutePath,
                Default::InStateDir("certs/cert.pem"),
                "The certificate chain, PEM. If there is none, a self-signed one is made, and renewed in time.",
            ),
            key(
                "key",
                Kind::AbsolutePath,
                Default::InStateDir("certs/key.pem"),
                "Its private key, PEM.",
            ),
            key(
                "names",
                Kind::HostNames,
                Default::List(&[]),
                "Names and addresses that a self-made certificate is made out to, beside this machine's own.",
            ),
            key(
                "client_ca",
                Kind::AbsolutePath,
                Default::Unset("client certificates are not asked for"),
                "Certificates (PEM) of the authorities whose client certificates are accepted as a login.",
            ),
        ],
    },
    SectionSchema {
        name: "accounts",
        doc: "Who may log in.",
        keys: &[
            key(
                "file",
                Kind::AbsolutePath,
                Default::InStateDir("accounts"),
                "The account file, in htpasswd form. `esm passwd` writes it.",
            ),
            key(
                "pam_service",
                Kind::Text,
                Default::Unset("the account file alone"),
                "A PAM service (a file in /etc/pam.d) whose users may log in, too. Needs a build with the feature `pam`.",
            ),
        ],
    },
    SectionSchema {
        name: "limits",
        doc: "What one caller may cost.",
        keys: &[
            key(
                "max_body_bytes",
                bytes(8 * KIB, 256 * MIB),
                Default::Integer(4 * MIB),
                "The largest request. All above 64 KiB together take 16 times as much at most, half of it for one \
                 account; more are answered 503.",
            ),
            key(
                "max_anonymous_body_bytes",
                bytes(KIB, MIB),
                Default::Integer(8 * KIB),
                "The largest request that needs no login: Identify, at /wsman-anon/identify.",
            ),
            key(
                "max_head_bytes",
                bytes(8 * KIB, MIB),
                Default::Integer(32 * KIB),
                "Request line and headers of a request.",
            ),
            key(
                "max_xml_depth",
                count(16, 1024),
                Default::Integer(64),
                "Nesting of elements in a request.",
            ),
            key(
                "max_xml_attributes",
                count(8, 1024),
                Default::Integer(64),
                "Attributes of one element, namespace declarations included.",
            ),
            key(
                "max_xml_tag_bytes",
                bytes(KIB, MIB),
                Default::Integer(16 * KIB),
                "The longest single tag.",
            ),
            key(
                "max_xml_text_bytes",
                bytes(KIB, 256 * MIB),
                Default::Integer(MIB),
                "The longest single text.",
            ),
            key(
                "max_connections",
                count(8, 1_000_000),
                Default::Integer(1024),
                "Connections at once; beyond it the oldest without a handshake gives way, then without a login, then the \
                 longest idle.",
            ),
            key(
                "max_connections_per_source",
                count(1, 1_000_000),
                Default::Integer(256),
                "The same for one source address.",
            ),
            key(
                "handshake_secs",
                secs(1, 300),
                Default::Integer(10),
                "Time for the TLS handshake.",
            ),
            key(
                "header_secs",
                secs(1, 300),
                Default::Integer(10),
                "Time for the head of a request.",
            ),
            key(
                "body_secs",
                secs(1, 3600),
                Default::Integer(30),
                "Time for the body of a request.",
            ),
            key(
                "idle_secs",
                secs(1, DAY_SECS),
                Default::Integer(120),
                "A kept-alive connection without a request is closed after this time.",
            ),
            key(
                "write_stall_secs",
                secs(1, 3600),
                Default::Integer(30),
                "A caller who takes no byte of its reply for this long is cut off.",
            ),
            key(
                "login_pause_secs",
                secs(0, 60),
                Default::Integer(5),
                "The longest pause before a failed login is answered; it grows up to this.",
            ),
            key(
                "max_requests_in_flight",
                count(1, 100_000),
                Default::Integer(256),
                "Requests with a login that are worked on at once, once their body is there, half of them of one \
                 account; others wait up to 2 s, then they are answered 503. Those without a login have 16 places of \
                 their own, 4 of them for one address.",
            ),
            key(
                "stop_secs",
                secs(0, 300),
                Default::Integer(10),
                "Time that requests in flight have to finish when the agent stops.",
            ),
        ],
    },
    SectionSchema {
        name: "host",
        doc: "Reading the state of this machine.",
        keys: &[
            key(
                "max_age_millis",
                millis(0, 60_000),
                Default::Integer(1000),
                "A reading this young is served again instead of being taken anew.",
            ),
            key(
                "mount_timeout_millis",
                millis(10, 60_000),
                Default::Integer(2000),
                "A file system that does not answer within this time is reported as not responding.",
            ),
        ],
    },
    SectionSchema {
        name: "file_systems",
        doc: "Which file systems are monitored.",
        keys: &[
            key(
                "include",
                Kind::AbsolutePaths,
                Default::List(&[]),
                "Mount points that are monitored whatever their type, drive and size.",
            ),
            key(
                "exclude",
                Kind::AbsolutePaths,
                Default::List(&[]),
                "Mount points that are never monitored.",
            ),
            key(
                "types",
                Kind::Texts,
                Default::List(&["ext2", "ext3", "ext4", "xfs"]),
                "The file-system types that are monitored on fixed drives.",
            ),
            key(
                "min_size_bytes",
                bytes(0, 1024 * 1024 * 1024 * MIB),
                Default::Integer(100 * MIB),
                "Smaller file systems are not monitored.",
            ),
        ],
    },
    SectionSchema {
        name: "syslog",
        doc: "Writing alerts to the system log.",
        keys: &[
            key(
                "enabled",
                Kind::Bool,
                Default::Bool(true),
                "Whether alerts are written to the system log.",
            ),
            key(
                "socket",
                Kind::AbsolutePath,
                Default::Text("/dev/log"),
                "The system log's socket.",
            ),
        ],
    },
    SectionSchema {
        name: "subscriptions",
        doc: "Leases of WS-Eventing subscriptions, and where alerts may be sent.",
        keys: &[
            key(
                "default_lease_secs",
                lease(),
                Default::Integer(3600),
                "The lease when none is asked for.",
            ),
            key(
                "min_lease_secs",
                lease(),
                Default::Integer(60),
                "The shortest lease; a shorter one asked for becomes this.",
            ),
            key(
                "max_lease_secs",
                lease(),
                Default::Integer(DAY_SECS),
                "The longest lease; a longer one asked for becomes this.",
            ),
            key(
                "queue_keep_secs",
                secs(0, 30 * DAY_SECS),
                Default::Integer(DAY_SECS),
                "How long what is queued outlives its lease, for the same subscriber to take over.",
            ),
            key(
                "reboot_grace_secs",
                secs(0, DAY_SECS),
                Default::Integer(300),
                "The least that is left of a lease after a reboot.",
            ),
            key(
                "allow_destinations",
                Kind::Networks,
                Default::List(&[]),
                "Networks to which alerts may be sent, beside the address that subscribed. Loopback, link-local and plain HTTP only when listed.",
            ),
            key(
                "max_per_account",
                count(1, 1_000_000),
                Default::Integer(2048),
                "Subscriptions of one account, lapsed ones included: these give way to a new one, the first to lapse first.",
            ),
            key(
                "filter_creation",
                Kind::Bool,
                Default::Bool(true),
                "Whether clients may make filters (CIM_IndicationFilter) beside those that are there.",
            ),
        ],
    },
    SectionSchema {
        name: "delivery",
        doc: "Sending alerts to managers.",
        keys: &[
            key(
                "default_port",
                count(1, 65_535),
                Default::Integer(6736),
                "The port of a destination that names none.",
            ),
            key(
                "trust",
                Kind::Choice(&["pin", "ca", "off"]),
                Default::Text("pin"),
                "How a manager's certificate is verified: by the key seen first, by an authority, or not at all.",
            ),
            key(
                "ca_file",
                Kind::AbsolutePath,
                Default::Unset("the system's authorities"),
                "Certificates (PEM) of the authorities that `trust = \"ca\"` accepts.",
            ),
            key(
                "retry_first_secs",
                secs(1, 3600),
                Default::Integer(5),
                "The pause before the first retry; each later one is longer.",
            ),
            key(
                "retry_max_secs",
                secs(1, DAY_SECS),
                Default::Integer(300),
                "The longest pause between retries.",
            ),
            key(
                "retry_total_secs",
                secs(1, 365 * DAY_SECS),
                Default::Integer(3 * DAY_SECS),
                "A destination that fails for this long loses its subscriptions, which is itself an alert.",
            ),
            key(
                "retry_attempts",
                count(0, 65_535),
                Default::Integer(65_535),
                "How often one alert is tried again before it is dropped and the next is tried; 65535 is without a bound.",
            ),
            key(
                "removal_action",
                Kind::Choice(&["remove", "disable", "ignore"]),
                Default::Text("remove"),
                "What becomes of the subscriptions of a destination after `retry_total_secs`, where they do not say themselves: they are removed, disabled (those by WS-Eventing are removed), or stay and lose what they missed.",
            ),
            key(
                "connect_secs",
                secs(1, 300),
                Default::Integer(10),
                "Time to look up the name and connect, and as much again for the TLS handshake.",
            ),
            key(
                "reply_secs",
                secs(1, 300),
                Default::Integer(30),
                "Time that a manager has to answer.",
            ),
            key(
                "max_queue_bytes",
                bytes(64 * KIB, 1024 * 1024 * MIB),
                Default::Integer(64 * MIB),
                "What may wait for one destination; beyond it the oldest is given up, which is logged.",
            ),
        ],
    },
    SectionSchema {
        name: "log",
        doc: "The agent's own log, on standard error.",
        keys: &[
            key(
                "level",
                Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
                Default::Text("info"),
                "The least severe level that is logged.",
            ),
            key(
                "format",
                Kind::Choice(&["text", "json"]),
                Default::Text("text"),
                "The form of a line.",
            ),
        ],
    },
];

/// `[[monitor]]`: each table changes what it names of one rule, or of one rule for one instance.
/// The defaults of the levels are the rule's own (see [`crate::monitor::default_rules`]).
pub const MONITOR: SectionSchema = SectionSchema {
    name: "monitor",
    doc: "Thresholds: each `[[monitor]]` changes one rule, or one rule for one instance.",
    keys: &[
        key(
            "rule",
            Kind::Choice(&[
                "cpu",
                "physical-memory",
                "virtual-memory",
                "page-file",
                "file-system",
            ]),
            Default::Unset("an error: a monitor names its rule"),
            "The rule that is changed.",
        ),
        key(
            "instance",
            Kind::Text,
            Default::Unset("the rule for every instance"),
            "The mount point that the table is for; only the rule `file-system` has instances.",
        ),
        key(
            "enabled",
            Kind::Bool,
            Default::Bool(true),
            "Whether the rule is watched.",
        ),
        key(
            "warning",
            Kind::Level,
            RULES_OWN,
            "The level of the warning state.",
        ),
        key(
            "warning_reset",
            Kind::Level,
            RULES_OWN,
            "The level at which the warning state ends.",
        ),
        key(
            "critical",
            Kind::Level,
            RULES_OWN,
            "The level of the critical state.",
        ),
        key(
            "critical_reset",
            Kind::Level,
            RULES_OWN,
            "The level at which the critical state ends.",
        ),
        key(
            "interval_secs",
            secs(1, DAY_SECS),
            RULES_OWN,
            "The time between two samples.",
        ),
        key(
            "hold_samples",
            count(1, 100),
            RULES_OWN,
            "Consecutive samples beyond a level before a worse state is entered.",
        ),
    ],
};

const RULES_OWN: Default = Default::Unset("the rule's own value");

const fn key(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        doc,
    }
}

const fn secs(min: i64, max: i64) -> Kind {
    Kind::Integer {
        min,
        max,
        unit: Unit::Secs,
    }
}

const fn millis(min: i64, max: i64) -> Kind {
    Kind::Integer {
        min,
        max,
        unit: Unit::Millis,
    }
}

const fn bytes(min: i64, max: i64) -> Kind {
    Kind::Integer {
        min,
        max,
        unit: Unit::Bytes,
    }
}

const fn count(min: i64, max: i64) -> Kind {
    Kind::Integer {
        min,
        max,
        unit: Unit::Count,
    }
}

const fn lease() -> Kind {
    secs(1, 365 * DAY_SECS)
}

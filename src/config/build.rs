//! The configuration as a whole: loading, what must fit together, and what changed.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::fault::{ConfigFaults, Fault};
use super::file::{self, FileValues};
use super::monitor::{self, Misfit};
use super::schema;
use super::sections::{
    AccountsConfig, AgentConfig, CimxmlConfig, DeliveryConfig, FileSystemsConfig, HostConfig, LimitsConfig,
    LocalConfig, LogConfig, SubscriptionsConfig, SyslogConfig, TlsConfig, WsmanConfig,
};
use super::stamp::FileStamp;
use super::value::{Remote, Value};
use super::values::{Effective, Layer, Source, Values};
use crate::monitor::{RuleSet, Subject};

/// A whole, checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The state folder.
    pub state_dir: PathBuf,
    /// `[agent]`.
    pub agent: AgentConfig,
    /// `[wsman]`.
    pub wsman: WsmanConfig,
    /// `[cimxml]`.
    pub cimxml: CimxmlConfig,
    /// `[local]`.
    pub local: LocalConfig,
    /// `[tls]`.
    pub tls: TlsConfig,
    /// `[accounts]`.
    pub accounts: AccountsConfig,
    /// `[limits]`.
    pub limits: LimitsConfig,
    /// `[host]`.
    pub host: HostConfig,
    /// `[file_systems]`.
    pub file_systems: FileSystemsConfig,
    /// `[syslog]`.
    pub syslog: SyslogConfig,
    /// The monitor rules, with what `[[monitor]]` and remote values say of them.
    pub monitors: RuleSet,
    /// `[subscriptions]`.
    pub subscriptions: SubscriptionsConfig,
    /// `[delivery]`.
    pub delivery: DeliveryConfig,
    /// `[log]`.
    pub log: LogConfig,
    origin: Origin,
    values: Values,
}

/// Where the agent of a configuration is reached on its own machine.
#[derive(Clone, Debug)]
pub struct LocalSocket {
    /// The path.
    pub path: PathBuf,
    /// Whether somebody set it: then no other is meant.
    pub is_set: bool,
    /// Faults elsewhere in the configuration, with which no agent would start.
    pub faults: Option<ConfigFaults>,
}

/// A section of the configuration, to say which changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the field of `Config` of the same name")]
pub enum Section {
    StateDir,
    Agent,
    Wsman,
    Cimxml,
    Local,
    Tls,
    Accounts,
    Limits,
    Host,
    FileSystems,
    Syslog,
    Monitors,
    Subscriptions,
    Delivery,
    Log,
}

/// What a configuration is made of, kept so that remote values can be laid over it.
#[derive(Clone, Debug)]
struct Origin {
    environment: Environment,
    /// The file that was asked for, if one was.
    asked: Option<PathBuf>,
    path: Option<PathBuf>,
    file: Layer,
    remote: Layer,
}

impl Config {
    /// Reads the configuration: the file asked for, else the one that `ESM_CONFIG` names, else
    /// `/etc/esm/esm.toml` if there is one, else the defaults.
    ///
    /// # Errors
    /// Every fault of the file. A file that was asked for and is not there is one; a default file
    /// that is not there is none.
    pub fn load(path: Option<&Path>, environment: &Environment) -> Result<Self, ConfigFaults> {
        let origin = Origin::new(environment, path);
        let found = origin.path.as_deref().map(read).transpose()?;
        Self::build(origin, found.unwrap_or_default(), &Remote::new())
    }

    /// Where the local socket is, for one who would speak with the agent however faulty the rest of the file is.
    ///
    /// # Errors
    /// Every fault, if they leave in doubt what the file says of the socket.
    pub fn local_socket(path: Option<&Path>, environment: &Environment) -> Result<LocalSocket, ConfigFaults> {
        let faults = match Self::load(path, environment) {
            Ok(config) => return Ok(LocalSocket::of(&config.values, None)),
            Err(faults) => faults,
        };
        let origin = Origin::new(environment, path);
        let Some(Ok(file)) = origin.path.as_deref().map(read) else {
            return Err(faults);
        };
        // What a broken line was to say is not known: then only what stands there in so many words counts.
        let is_broken = file.faults.iter().any(|fault| fault.key.is_empty());
        let said = |key: &str| file.layer.contains_key(key);
        let in_doubt = |key: &str| file.refused.contains(key) || (is_broken && !said(key));
        if in_doubt("local.socket") || (!said("local.socket") && in_doubt("state_dir")) {
            return Err(faults);
        }
        let values = Values::new(environment, &[&file.layer], file.refused);
        Ok(LocalSocket::of(&values, Some(faults)))
    }

    /// Looks for the file as [`Config::load`] did and reads it again; the remote values stay.
    ///
    /// # Errors
    /// Every fault of the file as it is now, and of remote values that no longer fit.
    pub fn reload(&self) -> Result<Self, ConfigFaults> {
        let origin = Origin::new(&self.origin.environment, self.origin.asked.as_deref());
        let found = origin.path.as_deref().map(read).transpose()?;
        Self::build(origin, found.unwrap_or_default(), &self.remote())
    }

    /// The state of the file that [`Config::reload`] would read now: when it differs from the one before
    /// this configuration was loaded, it is time to.
    pub fn file_stamp(&self) -> FileStamp {
        let origin = &self.origin;
        FileStamp::of(origin.environment.file(origin.asked.as_deref()).as_deref())
    }

    /// Takes the text of a file that need not exist.
    ///
    /// # Errors
    /// Every fault of the text.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, ConfigFaults> {
        let path = Path::new("esm.toml");
        Self::build(
            Origin::new(environment, Some(path)),
            file::parse(path, text),
            &Remote::new(),
        )
    }

    /// The same file with these remote values over it, in place of any laid over it before.
    ///
    /// # Errors
    /// Every fault of the values, and whatever does not fit together.
    pub fn with_remote(&self, remote: &Remote) -> Result<Self, ConfigFaults> {
        let file = FileValues {
            layer: self.origin.file.clone(),
            ..FileValues::default()
        };
        Self::build(self.origin.clone(), file, remote)
    }

    /// Checks monitors that are known by rule, name and identity: what the file says of each by its name must fit what
    /// was set remotely under its identity. [`Self::with_remote`] and [`Self::reload`] cannot tell, as they do not
    /// know which identity has which name.
    ///
    /// # Errors
    /// Every fault, each with both places.
    pub fn check_monitors<'a>(
        &self,
        known: impl IntoIterator<Item = (&'a str, Subject<'a>)>,
    ) -> Result<(), ConfigFaults> {
        let layers = [&self.origin.file, &self.origin.remote];
        let misfits = known
            .into_iter()
            .flat_map(|(rule, subject)| monitor::misfits_of(&self.monitors, layers, rule, subject));
        ConfigFaults::none_of(misfits.collect())
    }

    /// The remote values that are laid over the file.
    pub fn remote(&self) -> Remote {
        let remote = self.origin.remote.iter();
        remote
            .map(|(key, (value, _))| (key.clone(), value.clone()))
            .collect()
    }

    /// The file that was read, if any.
    pub fn file(&self) -> Option<&Path> {
        self.origin.path.as_deref()
    }

    /// Every value in force by its full key, in the order of the documentation, with its source.
    pub fn effective(&self) -> impl Iterator<Item = (String, &Effective)> {
        let keys = schema::SECTIONS
            .iter()
            .flat_map(|section| section.keys.iter().map(|key| section.full_key(key.name)));
        let fixed = keys.filter_map(|key| self.values.find(&key).map(|effective| (key, effective)));
        let monitors = monitor::ids(&self.values).into_iter().flat_map(move |id| {
            schema::MONITOR.keys.iter().filter_map(move |key| {
                let full = id.full_key(key.name);
                self.values.find(&full).map(|effective| (full, effective))
            })
        });
        fixed.chain(monitors)
    }

    /// Every key that the file sets and a remote value overrides: key, what the file says, and where.
    pub fn overridden(&self) -> impl Iterator<Item = (&str, &Value, &Source)> {
        let file = self.origin.file.iter();
        file.filter(|(key, _)| self.origin.remote.contains_key(*key))
            .map(|(key, (value, source))| (key.as_str(), value, source))
    }

    /// Whether somebody set the key: it is not the default that holds.
    pub fn is_set(&self, key: &str) -> bool {
        !self.values.is_default(key)
    }

    /// A fault of the key's value, where it stands, that shows only in what the value names.
    pub fn fault_at(&self, key: &str, reason: String) -> Fault {
        let keys = vec![key.to_owned()];
        to_fault(&self.values, Misfit { keys, reason })
    }

    /// What is allowed and yet not safe: each value with its place and the danger.
    pub fn warnings(&self) -> Vec<Fault> {
        let listens = ["wsman.http_listen", "cimxml.http_listen"];
        let opened = listens.into_iter().filter_map(|key| {
            let outside = outside_loopback(&self.values, key)?;
            let reason = format!(
                "{outside} is no loopback address: passwords cross the network in clear where a client uses it"
            );
            let keys = vec![key.to_owned()];
            Some(to_fault(&self.values, Misfit { keys, reason }))
        });
        opened.collect()
    }

    /// The sections that differ in what they mean, not in where it comes from.
    pub fn changed(&self, new: &Self) -> Vec<Section> {
        let sections = [
            (Section::StateDir, self.state_dir != new.state_dir),
            (Section::Agent, self.agent != new.agent),
            (Section::Wsman, self.wsman != new.wsman),
            (Section::Cimxml, self.cimxml != new.cimxml),
            (Section::Local, self.local != new.local),
            (Section::Tls, self.tls != new.tls),
            (Section::Accounts, self.accounts != new.accounts),
            (Section::Limits, self.limits != new.limits),
            (Section::Host, self.host != new.host),
            (Section::FileSystems, self.file_systems != new.file_systems),
            (Section::Syslog, self.syslog != new.syslog),
            (Section::Monitors, self.monitors != new.monitors),
            (Section::Subscriptions, self.subscriptions != new.subscriptions),
            (Section::Delivery, self.delivery != new.delivery),
            (Section::Log, self.log != new.log),
        ];
        sections
            .into_iter()
            .filter(|(_, changed)| *changed)
            .map(|(section, _)| section)
            .collect()
    }

    fn build(origin: Origin, file: FileValues, remote: &Remote) -> Result<Self, ConfigFaults> {
        let FileValues {
            layer: file,
            mut faults,
            mut refused,
        } = file;
        let remote = check_remote(remote, &mut faults, &mut refused);
        let values = Values::new(&origin.environment, &[&file, &remote], refused);
        let (monitors, mut misfits) = monitor::build(&values, &file, &remote);
        misfits.extend(misfits_between_keys(&values));
        misfits.retain(|misfit| !misfit.keys.iter().any(|key| values.is_refused(key)));
        faults.extend(misfits.into_iter().map(|misfit| to_fault(&values, misfit)));
        ConfigFaults::none_of(faults)?;
        let origin = Origin {
            file,
            remote,
            ..origin
        };
        Ok(Self {
            state_dir: values.path("state_dir"),
            agent: AgentConfig::from_values(&values),
            wsman: WsmanConfig::from_values(&values),
            cimxml: CimxmlConfig::from_values(&values),
            local: LocalConfig::from_values(&values),
            tls: TlsConfig::from_values(&values),
            accounts: AccountsConfig::from_values(&values),
            limits: LimitsConfig::from_values(&values),
            host: HostConfig::from_values(&values),
            file_systems: FileSystemsConfig::from_values(&values),
            syslog: SyslogConfig::from_values(&values),
            monitors,
            subscriptions: SubscriptionsConfig::from_values(&values),
            delivery: DeliveryConfig::from_values(&values),
            log: LogConfig::from_values(&values),
            origin,
            values,
        })
    }
}

impl LocalSocket {
    fn of(values: &Values, faults: Option<ConfigFaults>) -> Self {
        Self {
            path: values.path("local.socket"),
            is_set: !values.is_default("local.socket"),
            faults,
        }
    }
}

impl Origin {
    /// The file to read, with nothing read yet.
    fn new(environment: &Environment, asked: Option<&Path>) -> Self {
        Self {
            environment: environment.clone(),
            asked: asked.map(Path::to_path_buf),
            path: environment.file(asked),
            file: Layer::new(),
            remote: Layer::new(),
        }
    }
}

/// Reads and takes apart the file.
fn read(path: &Path) -> Result<FileValues, ConfigFaults> {
    let bytes = std::fs::read(path).map_err(|error| ConfigFaults::unreadable(path.to_path_buf(), &error))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to());
        let lines = before.filter(|byte| **byte == b'\n').count();
        let reason = format!("line {} is not UTF-8", lines + 1);
        ConfigFaults::of_file(path.to_path_buf(), reason)
    })?;
    Ok(file::parse(path, text))
}

/// The remote values that are allowed. A value that was allowed when it was set and is no longer is
/// told like any other fault: nothing is dropped in silence.
fn check_remote(remote: &Remote, faults: &mut Vec<Fault>, refused: &mut BTreeSet<String>) -> Layer {
    let mut layer = Layer::new();
    for (key, value) in remote {
        match check_remote_value(key, value) {
            Ok(()) => {
                layer.insert(key.clone(), (value.clone(), Source::Remote));
            }
            Err(reason) => {
                refused.insert(key.clone());
                let value = Some(value.to_string());
                faults.push(Fault {
                    place: Source::Remote,
                    key: key.clone(),
                    value,
                    reason,
                });
            }
        }
    }
    layer
}

fn check_remote_value(key: &str, value: &Value) -> Result<(), String> {
    if monitor::is_monitor_key(key) {
        return monitor::check_remote(key, value);
    }
    match schema::find(key) {
        Some(_) if key == "state_dir" => {
            Err("tells where remote values are kept, so it is no such value".into())
        }
        Some(schema) => schema.kind.check(value),
        None => Err("unknown key".into()),
    }
}

/// The fault of a misfit: at the value that somebody set, the first of the keys that has one.
fn to_fault(values: &Values, misfit: Misfit) -> Fault {
    let is_set = |key: &&String| !values.is_default(key);
    let key = misfit
        .keys
        .iter()
        .find(is_set)
        .or(misfit.keys.first())
        .cloned()
        .unwrap_or_default();
    let effective = values.find(&key);
    let value = effective
        .and_then(|effective| effective.value.as_ref())
        .map(Value::to_string);
    let place = effective.map_or(Source::Default, |effective| effective.source.clone());
    Fault {
        place,
        key,
        value,
        reason: misfit.reason,
    }
}

/// Everything but monitors in which one key must fit another.
fn misfits_between_keys(values: &Values) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    ascending(
        values,
        &["subscriptions.min_lease_secs", "subscriptions.default_lease_secs"],
        &mut misfits,
    );
    ascending(
        values,
        &["subscriptions.default_lease_secs", "subscriptions.max_lease_secs"],
        &mut misfits,
    );
    ascending(
        values,
        &["delivery.retry_first_secs", "delivery.retry_max_secs"],
        &mut misfits,
    );
    ascending(
        values,
        &["delivery.retry_max_secs", "delivery.retry_total_secs"],
        &mut misfits,
    );
    misfits.extend(plain_http(values));
    misfits.extend(one_path_for_two(values));
    misfits.extend(half_a_pair(values));
    misfits.extend(included_and_excluded(values));
    misfits
}

/// The first key's number must be at most the second's.
fn ascending(values: &Values, [low, high]: &[&str; 2], misfits: &mut Vec<Misfit>) {
    let (least, most) = (values.integer(low), values.integer(high));
    if least > most {
        let reason = format!("`{low}` ({least}) must be at most `{high}` ({most})");
        misfits.push(Misfit {
            keys: vec![(*low).to_owned(), (*high).to_owned()],
            reason,
        });
    }
}

/// The first address of a list that other machines reach.
fn outside_loopback(values: &Values, key: &str) -> Option<IpAddr> {
    let addresses: Vec<SocketAddr> = values.parsed(key);
    let mut addresses = addresses.iter().map(SocketAddr::ip);
    addresses.find(|address| !address.to_canonical().is_loopback())
}

fn plain_http(values: &Values) -> Option<Misfit> {
    let outside = outside_loopback(values, "wsman.http_listen")?;
    (!values.bool("wsman.http_force")).then(|| Misfit {
        keys: vec!["wsman.http_listen".into(), "wsman.http_force".into()],
        reason: format!(
            "plain HTTP listens on loopback addresses only, and {outside} is none; set `wsman.http_force = true` to allow it"
        ),
    })
}

/// All listeners serve both protocols, which their paths tell apart.
fn one_path_for_two(values: &Values) -> Option<Misfit> {
    let path = values.text("wsman.path").trim_end_matches('/');
    matches!(path, "" | "/cimom").then(|| Misfit {
        keys: vec!["wsman.path".into()],
        reason: "CIM-XML is served under `/` and `/cimom`: WS-Management needs a path of its own, such as \"/wsman\"".into(),
    })
}

fn half_a_pair(values: &Values) -> Option<Misfit> {
    let keys = ["tls.certificate", "tls.key"];
    (values.is_default(keys[0]) != values.is_default(keys[1])).then(|| Misfit {
        keys: keys.map(str::to_owned).to_vec(),
        reason: "`tls.certificate` and `tls.key` are set together or not at all".into(),
    })
}

fn included_and_excluded(values: &Values) -> Option<Misfit> {
    let excluded = values.list("file_systems.exclude");
    let both = values
        .list("file_systems.include")
        .iter()
        .find(|path| excluded.contains(path))?;
    Some(Misfit {
        keys: vec!["file_systems.exclude".into(), "file_systems.include".into()],
        reason: format!("`{both}` is both included and excluded"),
    })
}

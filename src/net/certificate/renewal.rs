//! The pair that we made ourselves: when it is due, and how it is made good.

use std::collections::BTreeSet;
use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::{
    CertificateDescription, CertificateError, CertificateNames, CertificatePair, DEFAULT_DAYS, PairPaths,
    create, describe, read, renew,
};
use crate::net::fingerprint::Fingerprints;

/// Days before its end at which our own pair is renewed.
pub const RENEW_DAYS_BEFORE_END: i64 = 30;

/// How far ahead the begin of a validity may lie: clocks differ, and one that lies further ahead was made when the
/// clock was wrong.
const MOST_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// A moment to the second, as people read it.
const MOMENT: &str = "%Y-%m-%dT%H:%M:%SZ";

/// Why our own certificate should be made anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RenewalReason {
    /// It ends within 30 days, or has ended.
    Ending {
        /// Its last moment.
        not_after: Timestamp,
    },
    /// It is not valid yet, and will not be within a day.
    NotYetValid {
        /// Its first moment.
        not_before: Timestamp,
    },
    /// The host has names or addresses that the certificate lacks.
    NamesChanged {
        /// These.
        added: CertificateNames,
    },
    /// The key beside it is another, or is none: writing the two was interrupted.
    UnfitKey,
}

/// A certificate of ours that took another's place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replaced {
    /// What the old one is recognised by.
    pub old: Fingerprints,
    /// What the new one is recognised by. The key is mostly the same.
    pub new: Fingerprints,
    /// Why it was made.
    pub reason: String,
}

/// What became of the pair.
#[derive(Debug)]
pub enum Ensured {
    /// It is as it was.
    AsItWas,
    /// There was none.
    First,
    /// The certificate was replaced.
    Replaced(Replaced),
    /// It is due and could not be replaced; it serves on.
    Due {
        /// Why it is due.
        reason: RenewalReason,
        /// Why it could not be replaced.
        error: CertificateError,
    },
}

/// Which pair is to be there.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where.
    pub paths: PairPaths,
    /// What a certificate that is made is made out to.
    pub names: CertificateNames,
    /// Those of the names for which one that is there and lacks them is made anew.
    pub required: CertificateNames,
    /// Whether nobody but us puts a key there: a lone one is then ours, from the first start that was interrupted.
    pub place_is_ours: bool,
}

impl Wanted {
    /// The pair, ready to be used. Where there is none at all, one is made; the certificate of our own is made anew,
    /// for the same key, when its time has come or it does not fit the key.
    ///
    /// # Errors
    /// If a pair that is there cannot be used and is not ours, or what is needed cannot be written.
    pub fn ensure(&self, now: Timestamp) -> Result<(CertificatePair, Ensured), CertificateError> {
        let paths = &self.paths;
        if is_missing(&paths.certificate) && (self.place_is_ours || is_missing(&paths.key)) {
            if is_missing(&paths.key) {
                create(paths, &self.names, DEFAULT_DAYS, false, now)?;
            } else {
                renew(paths, &self.names, DEFAULT_DAYS, now)?;
            }
            return Ok((read(paths)?, Ensured::First));
        }
        match read(paths) {
            Ok(pair) => self.renew_if_due(pair, now),
            Err(fault) => self.mend(fault, now),
        }
    }

    /// `pair`, which is there, or one with a new certificate for its key if it is ours and its time has come.
    ///
    /// # Errors
    /// If the new pair cannot be read.
    pub fn renew_if_due(
        &self,
        pair: CertificatePair,
        now: Timestamp,
    ) -> Result<(CertificatePair, Ensured), CertificateError> {
        let paths = &self.paths;
        let old = pair.description();
        let Some(reason) = old.renewal_reason(&self.required, now) else {
            return Ok((pair, Ensured::AsItWas));
        };
        // What cannot be replaced serves on: a pair on a read-only disk is better than no agent.
        if let Err(error) = renew(paths, &self.names, DEFAULT_DAYS, now) {
            return Ok((pair, Ensured::Due { reason, error }));
        }
        replaced(old, read(paths)?, &reason)
    }

    /// What [`Wanted::ensure`] would find, with nothing written: `None` where it would make something.
    ///
    /// # Errors
    /// If a pair that is there cannot be used and is not ours.
    pub fn look(&self) -> Result<Option<CertificateDescription>, CertificateError> {
        let paths = &self.paths;
        if is_missing(&paths.certificate) && (self.place_is_ours || is_missing(&paths.key)) {
            return Ok(None);
        }
        match read(paths) {
            Ok(pair) => Ok(Some(pair.description().clone())),
            Err(fault) => self.mendable(&fault).map(|_| None).ok_or(fault),
        }
    }

    /// Makes a certificate of ours good that has no key any more, or another.
    fn mend(
        &self,
        fault: CertificateError,
        now: Timestamp,
    ) -> Result<(CertificatePair, Ensured), CertificateError> {
        let Some((old, has_key)) = self.mendable(&fault) else {
            return Err(fault);
        };
        let (paths, names) = (&self.paths, &self.names);
        let made = if has_key {
            renew(paths, names, DEFAULT_DAYS, now)
        } else {
            create(paths, names, DEFAULT_DAYS, true, now)
        };
        made?;
        replaced(&old, read(paths)?, &RenewalReason::UnfitKey)
    }

    /// The certificate, if it is ours and can be made good, and whether a key is there to make it for.
    fn mendable(&self, fault: &CertificateError) -> Option<(CertificateDescription, bool)> {
        let old = describe(&self.paths.certificate).ok().filter(|old| old.own)?;
        let has_key = match fault {
            CertificateError::Mismatch { .. } => true,
            CertificateError::Content { path, .. } if *path == self.paths.key => false,
            CertificateError::File { path, error }
                if *path == self.paths.key && error.kind() == ErrorKind::NotFound =>
            {
                false
            }
            _ => return None,
        };
        Some((old, has_key))
    }
}

fn replaced(
    old: &CertificateDescription,
    pair: CertificatePair,
    reason: &RenewalReason,
) -> Result<(CertificatePair, Ensured), CertificateError> {
    let replaced = Replaced {
        old: old.fingerprints(),
        new: pair.description().fingerprints(),
        reason: reason.to_string(),
    };
    Ok((pair, Ensured::Replaced(replaced)))
}

fn is_missing(path: &Path) -> bool {
    matches!(path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound)
}

impl Replaced {
    /// Whether those who know the key know the certificate too.
    pub fn keeps_key(&self) -> bool {
        self.old.key == self.new.key
    }
}

impl CertificateDescription {
    /// Whether the certificate should be made anew: only ever if it was made here, when it ends within 30 days, is
    /// not valid yet, or lacks one of `required`. One that the host no longer has is no reason: it may have been
    /// asked for by hand.
    pub fn renewal_reason(&self, required: &CertificateNames, now: Timestamp) -> Option<RenewalReason> {
        if !self.own {
            return None;
        }
        if self.ends_within(SignedDuration::from_hours(24 * RENEW_DAYS_BEFORE_END), now) {
            return Some(RenewalReason::Ending {
                not_after: self.not_after,
            });
        }
        if self.not_before.duration_since(now) > MOST_AHEAD {
            return Some(RenewalReason::NotYetValid {
                not_before: self.not_before,
            });
        }
        let added = self.lacking(required);
        (!added.is_empty()).then_some(RenewalReason::NamesChanged { added })
    }

    /// Those of `names` that it is not made out to.
    pub fn lacking(&self, names: &CertificateNames) -> CertificateNames {
        let hosts: BTreeSet<String> = names.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let addresses: BTreeSet<IpAddr> = names.addresses.iter().copied().collect();
        CertificateNames {
            hosts: hosts.difference(&self.hosts).cloned().collect(),
            addresses: addresses.difference(&self.addresses).copied().collect(),
        }
    }

    /// Why it is not valid at `now`, if it is not.
    pub fn invalidity(&self, now: Timestamp) -> Option<String> {
        let clock = format!("the clock here says {}", now.strftime(MOMENT));
        if now < self.not_before {
            let begin = self.not_before.strftime(MOMENT);
            return Some(format!("the certificate is valid from {begin} on, and {clock}"));
        }
        let end = self.not_after.strftime(MOMENT);
        (now > self.not_after).then(|| format!("the certificate's validity ended at {end}, and {clock}"))
    }

    /// Whether its validity ends less than `span` after `now`, or has ended.
    pub fn ends_within(&self, span: SignedDuration, now: Timestamp) -> bool {
        self.not_after.duration_since(now) < span
    }
}

impl fmt::Display for RenewalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ending { not_after } => write!(f, "its validity ends at {not_after}"),
            Self::NotYetValid { not_before } => write!(f, "its validity begins at {not_before} only"),
            Self::NamesChanged { added } => {
                let texts: Vec<String> = added.texts().collect();
                write!(f, "the host is also {}", texts.join(", "))
            }
            Self::UnfitKey => f.write_str("it did not belong to the key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{days, names, now, paths};
    use super::*;

    fn wanted(folder: &Path, hosts: &[&str]) -> Wanted {
        Wanted {
            paths: paths(folder),
            names: names(hosts, &[]),
            required: names(hosts, &[]),
            place_is_ours: true,
        }
    }

    #[test]
    fn our_own_certificate_is_renewed_when_due_and_no_other_ever() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let made_out_to = names(&["web1", "web1.example.org"], &["192.0.2.7"]);
        create(&paths, &made_out_to, 100, false, now()).unwrap();
        let description = describe(&paths.certificate).unwrap();
        let reason = |names: &CertificateNames, later| description.renewal_reason(names, now() + later);

        assert_eq!(reason(&made_out_to, days(0)), None);
        assert_eq!(
            reason(&names(&["WEB1.example.org", "web1"], &["192.0.2.7"]), days(0)),
            None,
            "order and case"
        );
        assert_eq!(reason(&made_out_to, days(69)), None);
        let ending = Some(RenewalReason::Ending {
            not_after: description.not_after,
        });
        assert_eq!(reason(&made_out_to, days(70)), ending);
        assert_eq!(reason(&made_out_to, days(1000)), ending);
        let early = Some(RenewalReason::NotYetValid {
            not_before: description.not_before,
        });
        assert_eq!(reason(&made_out_to, days(-2)), None, "a day ahead and less");
        assert_eq!(reason(&made_out_to, days(-3)), early);
        let added = |names| Some(RenewalReason::NamesChanged { added: names });
        assert_eq!(
            reason(&names(&["web1", "web1.example.org"], &["192.0.2.8"]), days(0)),
            added(names(&[], &["192.0.2.8"]))
        );
        assert_eq!(
            reason(&names(&["web2", "web1.example.org"], &["192.0.2.7"]), days(0)),
            added(names(&["web2"], &[]))
        );

        assert_eq!(
            reason(&names(&["web1"], &[]), days(0)),
            None,
            "more than is needed"
        );

        let foreign = CertificateDescription {
            own: false,
            ..description.clone()
        };
        for later in [-1000, 1000] {
            assert_eq!(
                foreign.renewal_reason(&names(&["other"], &[]), now() + days(later)),
                None
            );
        }
    }

    #[test]
    fn a_renewal_keeps_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let (first, made) = wanted(folder.path(), &["web1"]).ensure(now()).unwrap();
        assert!(matches!(made, Ensured::First), "{made:?}");
        let (_, again) = wanted(folder.path(), &["web1"]).ensure(now()).unwrap();
        assert!(matches!(again, Ensured::AsItWas), "{again:?}");
        let (second, renewed) = wanted(folder.path(), &["web1", "web2"]).ensure(now()).unwrap();
        let Ensured::Replaced(replaced) = renewed else {
            panic!("{renewed:?}");
        };
        assert_eq!(replaced.old, first.description().fingerprints());
        assert_eq!(replaced.new, second.description().fingerprints());
        assert_ne!(replaced.old.certificate, replaced.new.certificate);
        assert!(replaced.keeps_key());
        assert_eq!(replaced.reason, "the host is also web2");
    }

    /// As a power cut between the two files leaves it.
    #[test]
    fn a_pair_whose_writing_was_interrupted_is_made_good() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = wanted(folder.path(), &["web1"]);
        wanted.ensure(now()).unwrap();
        let old = describe(&wanted.paths.certificate).unwrap();
        let other = tempfile::tempdir().unwrap();
        let other = self::wanted(other.path(), &["web1"]);
        let (newer, _) = other.ensure(now()).unwrap();

        std::fs::copy(&other.paths.key, &wanted.paths.key).unwrap();
        let (pair, ensured) = wanted.ensure(now()).unwrap();
        let Ensured::Replaced(replaced) = ensured else {
            panic!("{ensured:?}");
        };
        assert_eq!(replaced.old, old.fingerprints());
        assert_eq!(
            pair.description().key_fingerprint,
            newer.description().key_fingerprint
        );
        assert!(!replaced.keeps_key());

        std::fs::remove_file(&wanted.paths.certificate).unwrap();
        let (lone, ensured) = wanted.ensure(now()).unwrap();
        assert!(matches!(ensured, Ensured::First), "{ensured:?}");
        assert_eq!(
            lone.description().key_fingerprint,
            newer.description().key_fingerprint
        );

        for faulty in [Some("no key"), None] {
            match faulty {
                Some(text) => std::fs::write(&wanted.paths.key, text).unwrap(),
                None => std::fs::remove_file(&wanted.paths.key).unwrap(),
            }
            let (_, ensured) = wanted.ensure(now()).unwrap();
            assert!(
                matches!(&ensured, Ensured::Replaced(new) if !new.keeps_key()),
                "{ensured:?}"
            );
        }
    }

    #[test]
    fn what_is_not_ours_is_not_made_good() {
        let folder = tempfile::tempdir().unwrap();
        let mut wanted = wanted(folder.path(), &["web1"]);
        wanted.place_is_ours = false;
        wanted.ensure(now()).unwrap();
        let certificate = std::fs::read(&wanted.paths.certificate).unwrap();
        std::fs::remove_file(&wanted.paths.certificate).unwrap();
        assert!(wanted.ensure(now()).is_err(), "somebody's key alone");
        std::fs::write(&wanted.paths.certificate, "no certificate").unwrap();
        assert!(wanted.ensure(now()).is_err());

        let foreign = rcgen::generate_simple_self_signed(["web1".to_owned()]).unwrap();
        std::fs::write(&wanted.paths.certificate, foreign.cert.pem()).unwrap();
        let error = wanted.ensure(now()).unwrap_err();
        assert!(matches!(error, CertificateError::Mismatch { .. }), "{error}");
        assert_eq!(
            std::fs::read_to_string(&wanted.paths.certificate).unwrap(),
            foreign.cert.pem()
        );
        std::fs::write(&wanted.paths.certificate, certificate).unwrap();
        wanted.ensure(now()).unwrap();
    }
}

//! Making a self-signed pair, and further certificates for its key.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use zeroize::Zeroizing;

use super::{CertificateError, CertificateNames, MAX_DAYS, OWN_MARK, PairPaths, content_error};
use crate::net::private_file;

/// X.520 bounds a common name to 64 characters; longer host names stand in the alternative names alone.
const MAX_COMMON_NAME_CHARS: usize = 64;

/// Makes a self-signed ECDSA P-256 pair, valid from a day before `now` (clocks differ) for `days` days.
///
/// # Errors
/// If a pair is there and `force` is false, a name or the days cannot be used, or writing fails. The files
/// are replaced whole, the key (mode 0600) first; a pair of which one half is missing is not overwritten either.
pub fn create(
    paths: &PairPaths,
    names: &CertificateNames,
    days: u32,
    force: bool,
    now: Timestamp,
) -> Result<(), CertificateError> {
    for path in [&paths.certificate, &paths.key] {
        if !force && path.symlink_metadata().is_ok() {
            return Err(CertificateError::Exists(path.clone()));
        }
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = certify(&key, names, days, now)?;
    let text = Zeroizing::new(key.serialize_pem());
    private_file::replace(&paths.key, text.as_bytes()).map_err(file_error(&paths.key))?;
    write_certificate(paths, &certificate)
}

/// Makes a new certificate for the key that is there, valid as one of [`create`]. The key stays: whoever knows the
/// server by it knows it again.
///
/// # Errors
/// If the key cannot be read or used, a name or the days cannot be used, or writing fails.
pub fn renew(
    paths: &PairPaths,
    names: &CertificateNames,
    days: u32,
    now: Timestamp,
) -> Result<(), CertificateError> {
    let text = std::fs::read_to_string(&paths.key).map_err(file_error(&paths.key))?;
    let text = Zeroizing::new(text);
    let key = KeyPair::from_pem(&text)
        .map_err(|error| content_error(&paths.key, format!("unusable private key: {error}")))?;
    write_certificate(paths, &certify(&key, names, days, now)?)
}

fn write_certificate(paths: &PairPaths, pem: &str) -> Result<(), CertificateError> {
    private_file::replace_public(&paths.certificate, pem.as_bytes()).map_err(file_error(&paths.certificate))
}

fn file_error(path: &Path) -> impl Fn(io::Error) -> CertificateError {
    let path = path.to_owned();
    move |error| CertificateError::File {
        path: path.clone(),
        error,
    }
}

/// A certificate for `key` in PEM.
fn certify(
    key: &KeyPair,
    names: &CertificateNames,
    days: u32,
    now: Timestamp,
) -> Result<String, CertificateError> {
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(CertificateError::Days(days));
    }
    let mut params = CertificateParams::default();
    params.subject_alt_names = alternative_names(names)?;
    params.distinguished_name = DistinguishedName::new();
    if let Some(host) = names
        .hosts
        .iter()
        .find(|host| host.chars().count() <= MAX_COMMON_NAME_CHARS)
    {
        params.distinguished_name.push(DnType::CommonName, host.as_str());
    }
    params
        .distinguished_name
        .push(DnType::OrganizationalUnitName, OWN_MARK);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let midnight = |(year, month, day)| rcgen::date_time_ymd(year, month, day);
    params.not_before = midnight(date(now, -1));
    params.not_after = midnight(date(now, i64::from(days)));
    Ok(params.self_signed(key)?.pem())
}

fn alternative_names(names: &CertificateNames) -> Result<Vec<SanType>, CertificateError> {
    let hosts: BTreeSet<String> = names.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
    let addresses: BTreeSet<IpAddr> = names.addresses.iter().copied().collect();
    let mut alternatives = Vec::with_capacity(hosts.len() + addresses.len());
    for host in hosts {
        let fits = !host.is_empty() && host.len() <= 253 && host.bytes().all(is_host_byte);
        let name = host.as_str().try_into().ok().filter(|_| fits);
        alternatives.push(SanType::DnsName(name.ok_or(CertificateError::Name(host))?));
    }
    alternatives.extend(addresses.into_iter().map(SanType::IpAddress));
    Ok(alternatives)
}

/// Letters, digits, hyphens and dots (RFC 1123), the underscore that some hosts have, and a wildcard.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*')
}

/// The date (UTC) that lies `days` after `now`. The validity runs from midnight to midnight.
fn date(now: Timestamp, days: i64) -> (i32, u8, u8) {
    let moment = now
        .saturating_add(SignedDuration::from_hours(24 * days))
        .unwrap_or(now);
    let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
    (
        i32::from(date.year()),
        date.month().unsigned_abs(),
        date.day().unsigned_abs(),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::tests::{names, now, paths};
    use super::super::{DEFAULT_DAYS, describe, read};
    use super::*;

    #[test]
    fn a_pair_is_made_out_to_all_names() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let names = names(
            &["Web1", "web1.example.org", "web1"],
            &["192.0.2.7", "2001:db8::7"],
        );
        create(&paths, &names, DEFAULT_DAYS, false, now()).unwrap();

        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&paths.key), mode(&paths.certificate)), (0o600, 0o644));
        let pair = read(&paths).unwrap();
        let description = pair.description();
        assert_eq!(description, &describe(&paths.certificate).unwrap());
        assert_eq!(description.subject, "CN=Web1, OU=esm self-signed");
        assert_eq!(description.issuer, description.subject);
        assert_eq!(
            description.hosts.iter().collect::<Vec<_>>(),
            ["web1", "web1.example.org"]
        );
        assert_eq!(description.addresses.len(), 2);
        assert_eq!(description.not_before.to_string(), "2026-02-28T00:00:00Z");
        assert_eq!(description.not_after.to_string(), "2028-06-03T00:00:00Z");
        assert_eq!(description.key_type, "ECDSA P-256");
        assert!(description.own);
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let names = names(&["h"], &[]);
        create(&paths, &names, 10, false, now()).unwrap();
        let old = describe(&paths.certificate).unwrap();
        assert!(matches!(
            create(&paths, &names, 10, false, now()),
            Err(CertificateError::Exists(_))
        ));
        std::fs::remove_file(&paths.certificate).unwrap();
        let error = create(&paths, &names, 10, false, now()).unwrap_err();
        assert!(
            matches!(&error, CertificateError::Exists(path) if *path == paths.key),
            "a lone key is kept: {error}"
        );
        create(&paths, &names, 10, true, now()).unwrap();
        let new = describe(&paths.certificate).unwrap();
        assert_ne!(new.key_fingerprint, old.key_fingerprint);
        read(&paths).unwrap();
    }

    #[test]
    fn a_renewed_certificate_is_for_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        create(&paths, &names(&["h"], &[]), 10, false, now()).unwrap();
        let old = describe(&paths.certificate).unwrap();
        renew(&paths, &names(&["h", "more"], &[]), 20, now()).unwrap();
        let pair = read(&paths).unwrap();
        let new = pair.description();
        assert_eq!(new.key_fingerprint, old.key_fingerprint);
        assert_ne!(new.fingerprint, old.fingerprint);
        assert!(new.hosts.contains("more") && new.own && new.not_after > old.not_after);
        std::fs::write(&paths.key, "no key").unwrap();
        let error = renew(&paths, &names(&["h"], &[]), 20, now()).unwrap_err();
        assert!(
            matches!(&error, CertificateError::Content { path, .. } if *path == paths.key),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_a_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let make = |host: &str, days| create(&paths(folder.path()), &names(&[host], &[]), days, false, now());
        for host in ["", "two words", "a/b", "münchen", &"x".repeat(254)] {
            assert!(
                matches!(make(host, 1), Err(CertificateError::Name(_))),
                "{host:?}"
            );
        }
        for days in [0, MAX_DAYS + 1] {
            assert!(
                matches!(make("h", days), Err(CertificateError::Days(_))),
                "{days}"
            );
        }
        make(&format!("{}.example", "x".repeat(60)), 1).unwrap();
        assert_eq!(
            describe(&paths(folder.path()).certificate).unwrap().subject,
            "OU=esm self-signed"
        );
    }
}

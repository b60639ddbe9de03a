//! Conditions judged on the instances of the fixture.

use super::super::fixture::{classes, item, modification};
use super::super::{Language, Query};
use super::*;

#[track_caller]
fn judge(language: Language, text: &str, instance: &Instance) -> bool {
    let classes = classes();
    let query = Query::parse(language, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let checked = match language {
        Language::Fql => query.check_for(&Name::from_static("CIM_Item"), &classes),
        _ => query.check(&classes),
    };
    checked
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .matches(instance, &classes)
}

/// Judges a condition on [`item`] that means the same in all languages.
#[track_caller]
fn check(condition: &str, expect: bool) {
    let select = format!("SELECT * FROM CIM_Item WHERE {condition}");
    assert_eq!(judge(Language::Wql, &select, &item()), expect, "WQL {condition}");
    assert_eq!(judge(Language::Cql, &select, &item()), expect, "CQL {condition}");
    assert_eq!(
        judge(Language::Fql, condition, &item()),
        expect,
        "FQL {condition}"
    );
}

#[track_caller]
fn wql(condition: &str, expect: bool) {
    let select = format!("SELECT * FROM CIM_Item WHERE {condition}");
    assert_eq!(judge(Language::Wql, &select, &item()), expect, "{condition}");
}

#[track_caller]
fn cql(condition: &str, expect: bool) {
    let select = format!("SELECT * FROM CIM_Item AS i WHERE {condition}");
    assert_eq!(judge(Language::Cql, &select, &item()), expect, "{condition}");
}

/// Judges a condition on [`modification`].
#[track_caller]
fn event(language: Language, condition: &str, expect: bool) {
    let select = format!("SELECT * FROM CIM_InstModification WHERE {condition}");
    assert_eq!(judge(language, &select, &modification()), expect, "{condition}");
}

#[test]
fn numbers_compare_across_types() {
    check("Id = 3", true);
    check("3 = Id", true);
    check("Id = 0x3", true);
    check("Id = 11b", true);
    check("Id = 3.0", true);
    check("Id <> 3", false);
    check("Id != 4", true);
    check("Id < 3.5", true);
    check("Id > 2.5", true);
    check("3.5 > Id", true);
    check("Id <= 3 AND Id >= 3", true);
    check("Id = -3", false);
    check("Size = 18446744073709551615", true);
    check("Size = 18446744073709551614", false);
    check("Size < 18446744073709551616.0", true);
    check("Size > Delta", true);
    check("Delta < -4.5", true);
    check("Delta < -5.5", false);
    check("Load = 5e-1", true);
    check("Id > Load", true);
    check("Id = 300000000", false);
}

#[test]
fn texts_compare_as_the_language_says() {
    check("Name = 'Box 7'", true);
    check("Name = \"Box 7\"", true);
    check("Name < 'Box 8'", true);
    check("Name > 'Box'", true);
    wql("Name = 'BOX 7'", true);
    wql("Name < 'BOX 6'", false);
    cql("Name = 'BOX 7'", false);
    check("Letter = 'x'", true);
    check("Letter = 'xy'", false);
}

#[test]
fn other_types() {
    check("Enabled = TRUE", true);
    check("Enabled <> true", false);
    check("Enabled", true);
    check("NOT Enabled", false);
    check("TRUE", true);
    check("FALSE OR Enabled", true);
    check("InstallDate = '20260131110000.000000+000'", true);
    check("InstallDate > datetime(\"20260131115959.000000+060\")", true);
    check("UpTime >= '00000001000000.000000:000'", true);
    check("UpTime < InstallDate OR TRUE", true);
    check("UpTime < InstallDate", false);
    check("NOT UpTime < InstallDate", false);
    check("Parent = 'CIM_Item.Id=1'", true);
    check("Parent <> 'CIM_Item.Id=1'", false);
    check("Parent = 'CIM_Item.Id=2'", false);
    check("Parent = 'root/cimv2:cim_item.ID=1'", true);
}

#[test]
fn wql_reads_quoted_numbers_and_booleans() {
    wql("Id = '3'", true);
    wql("'4' > Id", true);
    wql("Enabled = 'true'", true);
}

#[test]
fn null_is_unknown() {
    check("Unknown IS NULL", true);
    check("Unknown = NULL", true);
    check("NULL = Unknown", true);
    check("Unknown <> NULL", false);
    check("Unknown IS NOT NULL", false);
    check("Id IS NOT NULL", true);
    check("Unknown = 'x'", false);
    check("NOT Unknown = 'x'", false);
    check("Unknown <> 'x'", false);
    check("Unknown = 'x' OR Id = 3", true);
    check("Unknown = 'x' AND Id = 3", false);
    check("NOT (Unknown = 'x' AND Id = 4)", true);
    check("NOT (Unknown = 'x' OR Id = 4)", false);
    check("NOT Unknown LIKE 'x'", false);
}

#[test]
fn precedence() {
    check("Id = 3 OR Id = 4 AND Id = 5", true);
    check("(Id = 3 OR Id = 4) AND Id = 5", false);
    check("NOT Id = 4 AND Id = 3", true);
    check("NOT (Id = 4 AND Id = 3)", true);
    check("NOT NOT Id = 3", true);
}

#[test]
fn like() {
    wql("Name LIKE 'b%'", true);
    wql("Name LIKE '%[0-6]'", false);
    wql("Name NOT LIKE '%[0-6]'", true);
    wql("Name LIKE 'Box'", false);
    wql("Letter LIKE '_'", true);
    wql("ANY Notes LIKE 't%'", true);
    wql("EVERY Notes LIKE 't%'", false);
    cql("Name LIKE 'B.*'", true);
    cql("Name LIKE 'b.*'", false);
    cql("Name LIKE 'Box [0-9]'", true);
    cql("Name LIKE 'Box%'", false);
}

#[test]
fn arrays() {
    check("ANY Status = 5", true);
    check("ANY Status = 6", false);
    check("EVERY Status > 1", true);
    check("EVERY Status > 2", false);
    check("5 = ANY Status", true);
    check("3 > EVERY Status", false);
    check("'two' = ANY Notes", true);
    check("Status[0] = 2", true);
    check("Status[1] = Status[0]", false);
    check("Status[9] = 2", false);
    check("Status[9] IS NULL", true);
    check("Status IS NOT NULL", true);
    check("Status = Status", true);
    check("Status[*] <> Status", false);
    check("Notes <> Empty", true);
    check("ANY Status[*] = 5", true);
    check("ANY Empty = 'x'", false);
    check("EVERY Empty = 'x'", true);
    cql("ANY i.Notes = 'one'", true);
}

#[test]
fn classes_and_aliases() {
    wql("CIM_Item.Id = 3", true);
    cql("i.Id = 3 AND CIM_Item.Id = 3", true);
    cql("CIM_Item::Id = 3", true);
    cql("i.CIM_SubItem::Extra = 'more'", true);
    cql("i ISA CIM_SubItem", true);
    wql("CIM_Item ISA 'CIM_SubItem'", true);
    wql("CIM_Item ISA 'CIM_Other'", false);
    wql("__CLASS = 'cim_subitem'", true);
    wql("Parent ISA 'CIM_Item'", true);
    cql("Health = Health#'OK'", true);
    cql("i.Health <> Health#'Degraded'", true);
}

#[test]
fn only_instances_of_the_class_match() {
    let select = "SELECT * FROM CIM_SubItem";
    assert!(judge(Language::Wql, select, &item()));
    let mut plain = item();
    plain.class_name = Name::from_static("CIM_Item");
    assert!(!judge(Language::Wql, select, &plain));
    assert!(!judge(
        Language::Cql,
        "SELECT * FROM CIM_Item AS i WHERE i.CIM_SubItem::Extra = 'more'",
        &plain
    ));
}

#[test]
fn embedded_instances() {
    for language in [Language::Wql, Language::Cql] {
        event(language, "SourceInstance ISA CIM_Item", true);
        event(language, "SourceInstance ISA 'CIM_Other'", false);
        event(language, "SourceInstance.Load = 0.5", true);
        event(language, "SourceInstance.Load > PreviousInstance.Load", true);
        event(language, "CIM_InstModification.SourceInstance.Id = 3", true);
        event(language, "SourceInstance.Id = '3'", true);
        event(
            language,
            "SourceInstance.InstallDate = '20260131120000.000000+060'",
            true,
        );
        event(language, "SourceInstance.NotThere = 3", false);
        event(language, "SourceInstance.NotThere IS NULL", true);
        event(language, "SourceInstance.Id.Deeper IS NULL", true);
        event(language, "ANY SourceInstance.Status = 5", true);
        event(language, "ANY SourceInstance.Id = 3", false);
        event(language, "SourceInstance.Enabled", true);
        event(language, "SourceInstance.Parent = 'CIM_Item.Id=1'", true);
        event(language, "SourceInstance.Parent <> 'not a path'", false);
        event(language, "SourceInstance.Name = 3", false);
        event(language, "SourceInstance.__CLASS = 'CIM_SubItem'", true);
    }
    event(Language::Cql, "SourceInstance.CIM_Item::Id = 3", true);
    event(
        Language::Cql,
        "SourceInstance ISA CIM_Item AND SourceInstance.CIM_Item::Status <> PreviousInstance.CIM_Item::Status",
        false,
    );
    event(
        Language::Wql,
        "SourceInstance.Status = PreviousInstance.Status",
        true,
    );
    event(
        Language::Cql,
        "SourceInstance.CIM_Item::Health = CIM_Item.Health#'OK'",
        true,
    );
    event(
        Language::Cql,
        "SourceInstance.Health = CIM_Item::Health#'OK'",
        true,
    );
    event(Language::Cql, "SourceInstance.CIM_Holder::Inner IS NULL", true);
}

#[test]
fn wmi_names_of_indications() {
    let text = "SELECT * FROM __InstanceModificationEvent WITHIN 5 WHERE TargetInstance ISA 'CIM_Item' \
                AND TargetInstance.Load <> PreviousInstance.Load";
    assert!(judge(Language::Wql, text, &modification()));
}

#[test]
fn projection() {
    let classes = classes();
    let names = |text: &str| {
        let checked = Query::parse(Language::Cql, text)
            .unwrap()
            .check(&classes)
            .unwrap();
        let projected = checked.project(item(), |property| property.name == *"Id");
        projected
            .properties()
            .iter()
            .map(|property| property.name.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        names("SELECT name, CIM_Item.Size, Name FROM CIM_Item"),
        "Id Name Size"
    );
    assert_eq!(names("SELECT i.Status[0] FROM CIM_Item i"), "Id Status");
    assert_eq!(names("SELECT CIM_SubItem::Extra FROM CIM_Item"), "Id Extra");
    assert_eq!(
        names("SELECT * FROM CIM_Item").split(' ').count(),
        item().properties().len()
    );
}

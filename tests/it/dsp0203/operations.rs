//! What a reply holds, by its operation (DSP0200, 5.3; DSP0201, 5.2.7).

use super::Node;

/// Checks the answers of a reply.
pub fn check(root: &Node) -> Result<(), String> {
    let Some(message) = root.path(&["MESSAGE"]) else {
        return Ok(());
    };
    for holder in &message.children {
        let answers: Vec<&Node> = match holder.name.as_str() {
            "MULTIRSP" => holder
                .children
                .iter()
                .flat_map(|simple| &simple.children)
                .collect(),
            _ => holder.children.iter().collect(),
        };
        for answer in answers {
            if answer.path(&["ERROR"]).is_none() {
                answer_is_right(answer)?;
            }
        }
    }
    Ok(())
}

fn answer_is_right(answer: &Node) -> Result<(), String> {
    let name = answer.attribute("NAME").unwrap_or_default();
    match answer.name.as_str() {
        "METHODRESPONSE" => match answer.path(&["RETURNVALUE"]) {
            Some(_) => Ok(()),
            None => Err(format!("{name} lacks its RETURNVALUE")),
        },
        "IMETHODRESPONSE" => intrinsic(name, answer),
        _ => Ok(()),
    }
}

fn intrinsic(name: &str, answer: &Node) -> Result<(), String> {
    let lower = name.to_ascii_lowercase();
    let returned = answer.path(&["IRETURNVALUE"]);
    let items = returns(&lower).ok_or_else(|| format!("{name} is no operation"))?;
    let Some(returned) = returned else {
        return if items.is_empty() {
            Ok(())
        } else {
            Err(format!("{name} lacks its IRETURNVALUE"))
        };
    };
    if items.is_empty() {
        return Err(format!("{name} returns nothing, and has an IRETURNVALUE"));
    }
    let wrong = returned
        .children
        .iter()
        .find(|item| !items.contains(&item.name.as_str()));
    if let Some(wrong) = wrong {
        return Err(format!(
            "{name} returns {}, not {}",
            items.join(" or "),
            wrong.name
        ));
    }
    let is_single = matches!(
        lower.as_str(),
        "getclass" | "getqualifier" | "getinstance" | "createinstance"
    );
    if is_single && returned.children.len() != 1 {
        return Err(format!("{name} returns one, not {}", returned.children.len()));
    }
    if lower.starts_with("open") || lower.starts_with("pull") {
        return pulled(name, answer);
    }
    Ok(())
}

/// The output parameters of open and pull operations.
fn pulled(name: &str, answer: &Node) -> Result<(), String> {
    let parameter = |wanted: &str| {
        let found = answer
            .children
            .iter()
            .find(|child| child.name == "PARAMVALUE" && child.attribute("NAME") == Some(wanted));
        let value = found.and_then(|found| found.path(&["VALUE"]));
        value
            .map(|value| value.text.as_str())
            .ok_or_else(|| format!("{name} lacks {wanted}"))
    };
    match (parameter("EndOfSequence")?, parameter("EnumerationContext")?) {
        ("TRUE", _) => Ok(()),
        ("FALSE", context) if !context.is_empty() => Ok(()),
        (end, context) => Err(format!(
            "{name} has EndOfSequence `{end}` and the context `{context}`"
        )),
    }
}

/// The elements that an operation returns; none where it returns nothing. `None` for no operation.
fn returns(lower: &str) -> Option<&'static [&'static str]> {
    Some(match lower {
        "getclass" | "enumerateclasses" => &["CLASS"],
        "enumerateclassnames" => &["CLASSNAME"],
        "getqualifier" | "enumeratequalifiers" => &["QUALIFIER.DECLARATION"],
        "getinstance" | "openqueryinstances" | "pullinstances" => &["INSTANCE"],
        "enumerateinstances" => &["VALUE.NAMEDINSTANCE"],
        "enumerateinstancenames" | "createinstance" => &["INSTANCENAME"],
        "getproperty" => &["VALUE", "VALUE.ARRAY", "VALUE.REFERENCE"],
        "enumerationcount" => &["VALUE"],
        "execquery" => &["VALUE.OBJECT"],
        "associators" | "references" => &["VALUE.OBJECTWITHPATH"],
        "associatornames" | "referencenames" => &["OBJECTPATH"],
        "openenumerateinstances"
        | "openassociatorinstances"
        | "openreferenceinstances"
        | "pullinstanceswithpath" => &["VALUE.INSTANCEWITHPATH"],
        "openenumerateinstancepaths"
        | "openassociatorinstancepaths"
        | "openreferenceinstancepaths"
        | "pullinstancepaths" => &["INSTANCEPATH"],
        "modifyinstance" | "deleteinstance" | "setproperty" | "closeenumeration" => &[],
        _ => return None,
    })
}

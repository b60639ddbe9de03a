//! The operations of `esm wbem`, by the names that wbemcli gave them.

/// What is asked for. The names are those of the operations in DSP0200.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(
    missing_docs,
    reason = "the names are the standard's own; `ALL` says what each does"
)]
pub enum Verb {
    GetClass,
    /// The class as the CIM-XML that came.
    GetClassDefinition,
    DeleteClass,
    EnumerateClasses,
    EnumerateClassNames,
    GetInstance,
    CreateInstance,
    ModifyInstance,
    DeleteInstance,
    EnumerateInstances,
    EnumerateInstanceNames,
    Associators,
    AssociatorNames,
    References,
    ReferenceNames,
    GetProperty,
    SetProperty,
    InvokeMethod,
    /// The answer of a method as the CIM-XML that came.
    InvokeMethodRaw,
    ExecQuery,
}

/// Whether a verb takes a second argument, and which.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extra {
    /// None.
    No,
    /// It may.
    Optional,
    /// It must.
    Required,
}

/// How many verbs there are.
const COUNT: usize = 20;

impl Verb {
    /// Every verb with its word.
    pub const ALL: [(&'static str, Self); COUNT] = [
        ("gc", Self::GetClass),
        ("gcd", Self::GetClassDefinition),
        ("dc", Self::DeleteClass),
        ("ec", Self::EnumerateClasses),
        ("ecn", Self::EnumerateClassNames),
        ("gi", Self::GetInstance),
        ("ci", Self::CreateInstance),
        ("mi", Self::ModifyInstance),
        ("di", Self::DeleteInstance),
        ("ei", Self::EnumerateInstances),
        ("ein", Self::EnumerateInstanceNames),
        ("ai", Self::Associators),
        ("ain", Self::AssociatorNames),
        ("ri", Self::References),
        ("rin", Self::ReferenceNames),
        ("gp", Self::GetProperty),
        ("sp", Self::SetProperty),
        ("cm", Self::InvokeMethod),
        ("cmx", Self::InvokeMethodRaw),
        ("eq", Self::ExecQuery),
    ];

    /// The verb of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(known, verb)| (known == word).then_some(verb))
    }

    /// Whether there is a second argument.
    pub const fn extra(self) -> Extra {
        match self {
            Self::CreateInstance
            | Self::ModifyInstance
            | Self::GetProperty
            | Self::SetProperty
            | Self::InvokeMethod
            | Self::InvokeMethodRaw
            | Self::ExecQuery => Extra::Required,
            Self::GetInstance
            | Self::GetClass
            | Self::EnumerateInstances
            | Self::Associators
            | Self::References => Extra::Optional,
            Self::GetClassDefinition
            | Self::DeleteClass
            | Self::EnumerateClasses
            | Self::EnumerateClassNames
            | Self::DeleteInstance
            | Self::EnumerateInstanceNames
            | Self::AssociatorNames
            | Self::ReferenceNames => Extra::No,
        }
    }

    /// What the second argument is, in the words of the usage.
    pub const fn extra_name(self) -> &'static str {
        match self {
            Self::CreateInstance | Self::ModifyInstance => "Property=value[,...]",
            Self::SetProperty => "Property=value",
            Self::GetProperty => "Property",
            Self::InvokeMethod | Self::InvokeMethodRaw => "Method[.Parameter=value[,...]]",
            Self::ExecQuery => "QUERY",
            _ => "Property[,...]",
        }
    }

    /// Whether the object must name a class.
    pub const fn needs_class(self) -> bool {
        !matches!(
            self,
            Self::EnumerateClasses | Self::EnumerateClassNames | Self::ExecQuery
        )
    }

    /// Whether the object must name an instance.
    pub const fn needs_keys(self) -> bool {
        matches!(
            self,
            Self::GetInstance
                | Self::ModifyInstance
                | Self::DeleteInstance
                | Self::GetProperty
                | Self::SetProperty
        )
    }

    /// Whether `-ac` and `-arr` say something to it.
    pub const fn walks_to_associated(self) -> bool {
        matches!(self, Self::Associators | Self::AssociatorNames)
    }

    /// Whether `-arc` and `-ar` say something to it.
    pub const fn walks(self) -> bool {
        self.walks_to_associated() || matches!(self, Self::References | Self::ReferenceNames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_wbemcli() {
        assert_eq!(Verb::of_word("ein"), Some(Verb::EnumerateInstanceNames));
        assert_eq!(Verb::of_word("EIN"), None);
        let words: std::collections::BTreeSet<_> = Verb::ALL.iter().map(|(word, _)| word).collect();
        assert_eq!(words.len(), COUNT);
    }
}

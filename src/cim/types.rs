//! The intrinsic types of CIM (DSP0004, 5.2).

use std::fmt;
use std::str::FromStr;

/// An intrinsic type. Whether something is an array of it is said beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum CimType {
    Boolean,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Sint8,
    Sint16,
    Sint32,
    Sint64,
    Real32,
    Real64,
    Char16,
    String,
    DateTime,
    Reference,
}

/// Why a text names no type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no CIM type")]
pub struct BadType(pub String);

impl CimType {
    /// Every type.
    pub const ALL: [Self; 15] = [
        Self::Boolean,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Sint8,
        Self::Sint16,
        Self::Sint32,
        Self::Sint64,
        Self::Real32,
        Self::Real64,
        Self::Char16,
        Self::String,
        Self::DateTime,
        Self::Reference,
    ];

    /// The name as CIM-XML and MOF write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Sint8 => "sint8",
            Self::Sint16 => "sint16",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
            Self::Real32 => "real32",
            Self::Real64 => "real64",
            Self::Char16 => "char16",
            Self::String => "string",
            Self::DateTime => "datetime",
            Self::Reference => "reference",
        }
    }

    /// Whether values are integers or reals.
    pub const fn is_numeric(self) -> bool {
        self.is_integer() || matches!(self, Self::Real32 | Self::Real64)
    }

    /// Whether values are integers.
    pub const fn is_integer(self) -> bool {
        matches!(
            self,
            Self::Uint8
                | Self::Uint16
                | Self::Uint32
                | Self::Uint64
                | Self::Sint8
                | Self::Sint16
                | Self::Sint32
                | Self::Sint64
        )
    }
}

impl fmt::Display for CimType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Type names compare without case, as MOF keywords do.
impl FromStr for CimType {
    type Err = BadType;
    fn from_str(text: &str) -> Result<Self, BadType> {
        Self::ALL
            .into_iter()
            .find(|ty| ty.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| BadType(text.to_owned()))
    }
}

//! What an operation on the object model can answer but a result: the status codes of DSP0200 (5.3.2),
//! shared by all protocols, each of which maps them in one place.

use std::fmt;

/// CIM status codes (DSP0200, table "status codes"), those a server of ours can answer with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum CimStatus {
    Failed = 1,
    AccessDenied = 2,
    InvalidNamespace = 3,
    InvalidParameter = 4,
    InvalidClass = 5,
    NotFound = 6,
    NotSupported = 7,
    ClassHasChildren = 8,
    ClassHasInstances = 9,
    InvalidSuperclass = 10,
    AlreadyExists = 11,
    NoSuchProperty = 12,
    TypeMismatch = 13,
    QueryLanguageNotSupported = 14,
    InvalidQuery = 15,
    MethodNotAvailable = 16,
    MethodNotFound = 17,
    NamespaceNotEmpty = 20,
    InvalidEnumerationContext = 21,
    InvalidOperationTimeout = 22,
    PullHasBeenAbandoned = 23,
    PullCannotBeAbandoned = 24,
    FilteredEnumerationNotSupported = 25,
    ContinuationOnErrorNotSupported = 26,
    ServerLimitsExceeded = 27,
    ServerIsShuttingDown = 28,
}

impl CimStatus {
    /// Every status.
    pub const ALL: [Self; 26] = [
        Self::Failed,
        Self::AccessDenied,
        Self::InvalidNamespace,
        Self::InvalidParameter,
        Self::InvalidClass,
        Self::NotFound,
        Self::NotSupported,
        Self::ClassHasChildren,
        Self::ClassHasInstances,
        Self::InvalidSuperclass,
        Self::AlreadyExists,
        Self::NoSuchProperty,
        Self::TypeMismatch,
        Self::QueryLanguageNotSupported,
        Self::InvalidQuery,
        Self::MethodNotAvailable,
        Self::MethodNotFound,
        Self::NamespaceNotEmpty,
        Self::InvalidEnumerationContext,
        Self::InvalidOperationTimeout,
        Self::PullHasBeenAbandoned,
        Self::PullCannotBeAbandoned,
        Self::FilteredEnumerationNotSupported,
        Self::ContinuationOnErrorNotSupported,
        Self::ServerLimitsExceeded,
        Self::ServerIsShuttingDown,
    ];

    /// The status of that number.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// The number on the wire.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The standard's symbolic name, as in `CIM_ERR_NOT_FOUND`.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Failed => "CIM_ERR_FAILED",
            Self::AccessDenied => "CIM_ERR_ACCESS_DENIED",
            Self::InvalidNamespace => "CIM_ERR_INVALID_NAMESPACE",
            Self::InvalidParameter => "CIM_ERR_INVALID_PARAMETER",
            Self::InvalidClass => "CIM_ERR_INVALID_CLASS",
            Self::NotFound => "CIM_ERR_NOT_FOUND",
            Self::NotSupported => "CIM_ERR_NOT_SUPPORTED",
            Self::ClassHasChildren => "CIM_ERR_CLASS_HAS_CHILDREN",
            Self::ClassHasInstances => "CIM_ERR_CLASS_HAS_INSTANCES",
            Self::InvalidSuperclass => "CIM_ERR_INVALID_SUPERCLASS",
            Self::AlreadyExists => "CIM_ERR_ALREADY_EXISTS",
            Self::NoSuchProperty => "CIM_ERR_NO_SUCH_PROPERTY",
            Self::TypeMismatch => "CIM_ERR_TYPE_MISMATCH",
            Self::QueryLanguageNotSupported => "CIM_ERR_QUERY_LANGUAGE_NOT_SUPPORTED",
            Self::InvalidQuery => "CIM_ERR_INVALID_QUERY",
            Self::MethodNotAvailable => "CIM_ERR_METHOD_NOT_AVAILABLE",
            Self::MethodNotFound => "CIM_ERR_METHOD_NOT_FOUND",
            Self::NamespaceNotEmpty => "CIM_ERR_NAMESPACE_NOT_EMPTY",
            Self::InvalidEnumerationContext => "CIM_ERR_INVALID_ENUMERATION_CONTEXT",
            Self::InvalidOperationTimeout => "CIM_ERR_INVALID_OPERATION_TIMEOUT",
            Self::PullHasBeenAbandoned => "CIM_ERR_PULL_HAS_BEEN_ABANDONED",
            Self::PullCannotBeAbandoned => "CIM_ERR_PULL_CANNOT_BE_ABANDONED",
            Self::FilteredEnumerationNotSupported => "CIM_ERR_FILTERED_ENUMERATION_NOT_SUPPORTED",
            Self::ContinuationOnErrorNotSupported => "CIM_ERR_CONTINUATION_ON_ERROR_NOT_SUPPORTED",
            Self::ServerLimitsExceeded => "CIM_ERR_SERVER_LIMITS_EXCEEDED",
            Self::ServerIsShuttingDown => "CIM_ERR_SERVER_IS_SHUTTING_DOWN",
        }
    }
}

/// A failed operation: its status, and for the caller what was wrong and what would be right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CimError {
    /// The status code.
    pub status: CimStatus,
    /// One sentence for the caller; it never holds what only the log may know.
    pub detail: String,
}

impl CimError {
    /// An error with its sentence for the caller.
    pub fn new(status: CimStatus, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    /// `NOT_FOUND`: no such instance.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(CimStatus::NotFound, detail)
    }

    /// `NOT_SUPPORTED`: the class exists, the operation on it does not.
    pub fn not_supported(detail: impl Into<String>) -> Self {
        Self::new(CimStatus::NotSupported, detail)
    }

    /// `INVALID_PARAMETER`: a value that is refused.
    pub fn invalid_parameter(detail: impl Into<String>) -> Self {
        Self::new(CimStatus::InvalidParameter, detail)
    }

    /// `FAILED`: the cause lies with us; the log knows more.
    pub fn failed(detail: impl Into<String>) -> Self {
        Self::new(CimStatus::Failed, detail)
    }
}

impl fmt::Display for CimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.symbol(), self.detail)
    }
}

impl std::error::Error for CimError {}

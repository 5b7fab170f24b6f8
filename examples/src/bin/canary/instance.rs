//! One instance of a service: a server that can be killed and revived.

/// What an instance's server does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answers.
    #[default]
    Up,
    /// Its port is closed and its connections are cut.
    Refuses,
    /// It answers everything with 503.
    Answers503,
}

impl Health {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "answers",
            Self::Refuses => "refuses",
            Self::Answers503 => "answers 503",
        }
    }
}

//! Where an import is asked for: over HTTP, or on the command line.

/// Where an import was asked for: advice speaks of what can be written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Over HTTP, with parameters.
    Http,
    /// On the command line, with flags.
    CommandLine,
}

/// What the command line's own client calls itself, before its version.
pub const CLIENT: &str = "anaquel/";

impl Surface {
    /// That of a caller who names itself so.
    pub fn of_user_agent(agent: Option<&str>) -> Self {
        if agent.is_some_and(|agent| agent.starts_with(CLIENT)) { Self::CommandLine } else { Self::Http }
    }

    /// How an option is written.
    pub fn option(self, name: &str, value: &str) -> String {
        match (self, value) {
            (Self::Http, value) => format!("{name}={value}"),
            (Self::CommandLine, "true") => format!("--{}", name.replace('_', "-")),
            (Self::CommandLine, value) => format!("--{} {value}", name.replace('_', "-")),
        }
    }
}

//! The surface of an import: HTTP or the command line.

/// The surface that a caller uses: error texts name its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Over HTTP, with parameters.
    Http,
    /// On the command line, with flags.
    CommandLine,
}

/// The product name in the `User-Agent` of the command line.
pub const CLIENT: &str = "anaquel/";

impl Surface {
    /// The surface of a caller with this `User-Agent`.
    pub fn of_user_agent(agent: Option<&str>) -> Self {
        if agent.is_some_and(|agent| agent.starts_with(CLIENT)) { Self::CommandLine } else { Self::Http }
    }

    /// How an option is written on this surface.
    pub fn option(self, name: &str, value: &str) -> String {
        match (self, value) {
            (Self::Http, value) => format!("{name}={value}"),
            (Self::CommandLine, "true") => format!("--{}", name.replace('_', "-")),
            (Self::CommandLine, value) => format!("--{} {value}", name.replace('_', "-")),
        }
    }
}

//! Standard output; a closed pipe ends the process quietly.

use std::io::{self, ErrorKind, Stdout, Write};

/// The exit code if the reader of the output closed the pipe: 128 and SIGPIPE.
const READER_LEFT: i32 = 141;

/// Standard output. `anaquel export skus | head` ends together with `head`, without a message.
pub struct Output(Stdout);

pub fn output() -> Output {
    Output(io::stdout())
}

fn ends<T>(written: io::Result<T>) -> io::Result<T> {
    if written.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(READER_LEFT);
    }
    written
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ends(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        ends(self.0.flush())
    }
}

/// The same for `println!`, which panics if the pipe is closed.
pub fn end_with_the_reader() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>();
        if text.is_some_and(|text| text.starts_with("failed printing to stdout") && text.contains("Broken pipe")) {
            std::process::exit(READER_LEFT);
        }
        tell(panic);
    }));
}

/// An error with its causes in one line. Text that a cause repeats from the error before it is printed once.
pub fn reasons(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let goes_on = cause.strip_prefix(&told).is_some_and(|rest| told.is_empty() || rest.starts_with(": "));
        if goes_on {
            told = cause;
        } else if !told.ends_with(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::reasons;
    use anyhow::anyhow;

    #[test]
    fn what_a_cause_repeats_is_said_once() {
        assert_eq!(reasons(&anyhow!("down").context("asking")), "asking: down");
        assert_eq!(reasons(&anyhow!("down").context("a.csv: down")), "a.csv: down");
        assert_eq!(reasons(&anyhow!("down").context("a.csv: down").context("a.csv")), "a.csv: down");
        assert_eq!(reasons(&anyhow!("a.csv.gz: down").context("a.csv")), "a.csv: a.csv.gz: down");
        assert_eq!(reasons(&anyhow!("down").context("asking").context("loading a.csv")), "loading a.csv: asking: down");
    }
}

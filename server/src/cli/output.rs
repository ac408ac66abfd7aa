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

//! The program `clel`.

fn main() -> std::process::ExitCode {
    clel::cli::main()
}

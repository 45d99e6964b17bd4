//! `attack FILE [NAME…]`: every attack in full, against the server named in `INSULA_BIN`; writes a table
//! of what was seen to the file it is given. With names only those attacks, and nothing is written.

use std::fmt::Write as _;
use std::process::{Command, ExitCode};

use insula_tests::attack::{Proof, Scale, all};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next();
    let names: Vec<_> = arguments.collect();
    let proofs = match all(Scale::Whole, &names).await {
        Ok(proofs) => proofs,
        Err(unknown) => {
            eprintln!("attack: {unknown}");
            return ExitCode::FAILURE;
        }
    };
    let text = table(&proofs);
    println!("{text}");
    // A part of the table is no table.
    if let Some(out) = out.filter(|_| names.is_empty()) {
        std::fs::write(&out, &text).unwrap_or_else(|error| panic!("{out}: {error}"));
    }
    if proofs.iter().all(|proof| proof.held) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn table(proofs: &[Proof]) -> String {
    let mut text = String::from(
        "# What held under attack\n\n\
         Written by `cargo xtask attack`, which starts the real server in a release build, with real \
         databases, and does to it what stands here. The test command runs the same attacks in a short form.\n\n",
    );
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let _ = writeln!(
        text,
        "Seen on {}, on {cores} processors, attackers included.\n",
        today()
    );
    text += "| attack or outage | seen | had to hold | held |\n| --- | --- | --- | --- |\n";
    for proof in proofs {
        let held = if proof.held { "yes" } else { "**no**" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {held} |",
            proof.attack, proof.seen, proof.bound
        );
    }
    text
}

/// The date in UTC, as `2026-01-31`, from the system's own program.
fn today() -> String {
    let said = Command::new("date").args(["-u", "+%F"]).output();
    let said = said.unwrap_or_else(|error| panic!("date: {error}"));
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

//! The command line. Flags override `insula.yaml` one to one, and are made from its settings.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use insula_ambient::SystemEntropy;
use insula_config::{ServerConfig, process_environment};
use insula_model::Password;

use crate::events::Asked;
use crate::exit::Exit;
use crate::tenants::Question;
use crate::{adopt, check, events, serve, tenants};

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed while running, or told twice to end; 2 wrong usage; \
3 a configuration has errors (all are printed); 4 a port, the database or Redis cannot be had.";

pub(crate) fn run() -> ExitCode {
    let matches = command().get_matches();
    let done = match matches.subcommand() {
        Some(("serve", args)) => config(args).and_then(serve::run),
        Some(("check", args)) => config(args).and_then(|config| check::run(&config)),
        Some(("migrate", args)) => config(args).and_then(serve::migrate),
        Some(("reset-keys", args)) => {
            let is_confirmed = args.get_flag("confirm");
            config(args).and_then(|config| serve::reset_keys(config, is_confirmed))
        }
        Some(("adopt", args)) => {
            let tenant = named(args);
            config(args).and_then(|config| adopt::run(&config, &tenant))
        }
        Some(("events", args)) => {
            let asked = Asked {
                tenant: named(args),
                after: args.get_one::<u64>("after").copied().unwrap_or_default(),
                follow: args.get_flag("follow"),
            };
            config(args).and_then(|config| events::run(&config, &asked))
        }
        Some(("tenants", args)) => ask(args, &Question::All),
        Some(("tenant", args)) => match args.subcommand() {
            Some(("revive", args)) => ask(args, &Question::Revive(named(args))),
            Some((_, args)) => ask(args, &Question::Status(named(args))),
            None => Ok(()),
        },
        Some(("hash-password", _)) => hash_password(),
        _ => {
            println!("insula {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    };
    done.map_or_else(ExitCode::from, |()| ExitCode::SUCCESS)
}

fn command() -> Command {
    let configured = |name: &'static str, about: &'static str| {
        ServerConfig::settings().iter().fold(
            Command::new(name).about(about).arg(
                Arg::new("config")
                    .long("config")
                    .short('c')
                    .value_name("FILE")
                    .env("INSULA_CONFIG")
                    .value_parser(value_parser!(PathBuf))
                    .help("insula.yaml; without one, flags and environment over the defaults"),
            ),
            |command, setting| {
                let help = format!("{} [env: {}]", setting.meaning, setting.variable());
                let flag = Arg::new(setting.path)
                    .long(setting.flag())
                    .value_name("VALUE");
                command.arg(flag.help(help).help_heading("Settings of insula.yaml"))
            },
        )
    };
    Command::new("insula")
        .about("A multi-tenant OpenID Connect identity platform")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(EXIT_CODES)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(configured("serve", "Serve all tenants until told to stop"))
        .subcommand(configured(
            "check",
            "Validate every file and print every problem",
        ))
        .subcommand(configured(
            "migrate",
            "Bring the database up to date, then exit",
        ))
        .subcommand(
            configured(
                "reset-keys",
                "After the master key was lost: delete all signing keys, refresh tokens and \
                 sessions in the database, so that the next start makes new ones",
            )
            .arg(
                Arg::new("confirm")
                    .long("confirm")
                    .action(ArgAction::SetTrue)
                    .help("Really do it; nobody can undo it"),
            ),
        )
        .subcommand(
            configured(
                "adopt",
                "Let a tenant have the keys, sessions and grants of its name under another issuer",
            )
            .arg(tenant_name()),
        )
        .subcommand(
            configured(
                "events",
                "Print what happened at a tenant, a line of JSON for each event",
            )
            .arg(tenant_name())
            .arg(
                Arg::new("after")
                    .long("after")
                    .value_name("POSITION")
                    .value_parser(value_parser!(u64))
                    .help("Only what lies behind this position"),
            )
            .arg(
                Arg::new("follow")
                    .long("follow")
                    .action(ArgAction::SetTrue)
                    .help("Go on printing as more happens"),
            ),
        )
        .subcommand(configured("tenants", "List the tenants of the running process").arg(as_json()))
        .subcommand(
            Command::new("tenant")
                .about("Look at a tenant of the running process, or revive it")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(
                    configured("status", "Print how a tenant is and what to do next")
                        .arg(tenant_name())
                        .arg(as_json()),
                )
                .subcommand(
                    configured(
                        "revive",
                        "Try a tenant that failed now, and forget how often it failed",
                    )
                    .arg(tenant_name())
                    .arg(as_json()),
                ),
        )
        .subcommand(
            Command::new("hash-password")
                .about("Read a password from standard input and print its argon2id hash"),
        )
        .subcommand(Command::new("version").about("Print the version"))
}

fn tenant_name() -> Arg {
    Arg::new("tenant")
        .required(true)
        .value_name("TENANT")
        .help("the name of its folder")
}

fn as_json() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print JSON")
}

fn named(args: &ArgMatches) -> String {
    let name = args.get_one::<String>("tenant");
    name.cloned().unwrap_or_default()
}

fn ask(args: &ArgMatches, question: &Question) -> Result<(), Exit> {
    config(args).and_then(|config| tenants::run(&config, question, args.get_flag("json")))
}

fn config(args: &ArgMatches) -> Result<ServerConfig, Exit> {
    let flags: BTreeMap<String, String> = ServerConfig::settings()
        .iter()
        .filter_map(|setting| {
            let value = args.get_one::<String>(setting.path)?;
            Some((setting.path.to_owned(), value.clone()))
        })
        .collect();
    let named = args.get_one::<PathBuf>("config").cloned();
    let file = named.or_else(|| Some(PathBuf::from("insula.yaml")).filter(|file| file.is_file()));
    ServerConfig::load(file.as_deref(), process_environment, &flags).map_err(|error| {
        eprintln!("{error}");
        Exit::Config
    })
}

fn hash_password() -> Result<(), Exit> {
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        eprint!("password (it will be shown): ");
        let _ = std::io::stderr().flush();
    }
    let mut line = String::new();
    stdin.read_line(&mut line).map_err(|_| Exit::Failed)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    let password = Password::new(line);
    if password.reveal().is_empty() {
        eprintln!("no password came on standard input");
        return Err(Exit::Failed);
    }
    println!(
        "{}",
        insula_connectors::hash_password(&password, &SystemEntropy)
    );
    Ok(())
}

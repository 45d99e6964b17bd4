//! The admin socket: a Unix socket that only the user who runs the process can open, through which
//! `insula tenants` and `insula tenant` look at tenants and revive one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpResponse, HttpServer, web};
use insula_model::TenantId;
use insula_tenancy::Tenancy;
use serde_json::json;
use tracing::{info, warn};

use crate::awake_limit::AwakeLimit;

/// An open admin socket. The file goes with it.
pub(crate) struct AdminSocket {
    path: PathBuf,
    handle: ServerHandle,
    /// Held while the socket is there.
    _place: File,
}

/// Opens the socket and serves it until it is closed. A process without one serves its tenants all
/// the same.
pub(crate) fn open(
    path: Option<&Path>,
    tenancy: Tenancy,
    limit: AwakeLimit,
) -> Option<AdminSocket> {
    let path = path?;
    let opened =
        listen(path).and_then(|(listener, place)| Ok((serve(listener, tenancy, limit)?, place)));
    match opened {
        Ok((server, place)) => {
            let handle = server.handle();
            actix::spawn(server);
            info!("`insula tenants` is answered at {}", path.display());
            Some(AdminSocket {
                path: path.to_owned(),
                handle,
                _place: place,
            })
        }
        Err(error) => {
            warn!(
                "the admin socket {} cannot be opened: {error}; `insula tenants` and `insula tenant` \
                 do not reach this process; adminSocket names another place, or none",
                path.display()
            );
            None
        }
    }
}

impl AdminSocket {
    pub(crate) async fn close(self) {
        self.handle.stop(true).await;
        // Whoever removed it first wanted the same.
        let _removed = fs::remove_file(&self.path);
    }
}

/// Takes a place for this process, which has it until the file is closed, however the process ends.
/// The file stays: who removed it would let two processes lock two files of its name.
fn take(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).mode(0o600).open(name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(in_use("another process has it")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn in_use(cause: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, cause)
}

/// Binds in a folder that only we can enter and moves the socket to its place with its rights set,
/// so that at no time anybody else could connect. One that a process which is gone left is replaced;
/// of processes that start at once, one has the place.
fn listen(path: &Path) -> io::Result<(UnixListener, File)> {
    let place = take(path)?;
    // Who has it without the lock is of an older version, or something else.
    if UnixStream::connect(path).is_ok() {
        return Err(in_use("another process answers there"));
    }
    let is_socket = |found: fs::Metadata| {
        use std::os::unix::fs::FileTypeExt as _;
        found.file_type().is_socket()
    };
    if fs::symlink_metadata(path).is_ok_and(|found| !is_socket(found)) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file that is no socket",
        ));
    }
    let folder = path.with_extension(format!("{}.new", std::process::id()));
    let inside = folder.join("s");
    // Left by a crash, perhaps: in a container every process has the same number.
    let _gone = fs::remove_file(&inside);
    let _gone = fs::remove_dir(&folder);
    DirBuilder::new().mode(0o700).create(&folder)?;
    let bound = UnixListener::bind(&inside).and_then(|listener| {
        fs::set_permissions(&inside, Permissions::from_mode(0o600))?;
        fs::rename(&inside, path)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    let _gone = fs::remove_file(&inside);
    let _gone = fs::remove_dir(&folder);
    Ok((bound?, place))
}

fn serve(listener: UnixListener, tenancy: Tenancy, limit: AwakeLimit) -> io::Result<Server> {
    let (tenancy, limit) = (web::Data::new(tenancy), web::Data::new(limit));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(tenancy.clone())
            .app_data(limit.clone())
            .route("/awake", web::get().to(awake))
            .route("/tenants", web::get().to(all))
            .route("/tenants/{tenant}", web::get().to(one))
            .route("/tenants/{tenant}/revive", web::post().to(revive))
    });
    let server = server.workers(1).disable_signals().shutdown_timeout(1);
    Ok(server.listen_uds(listener)?.run())
}

async fn all(tenancy: web::Data<Tenancy>) -> HttpResponse {
    HttpResponse::Ok().json(tenancy.statuses().await)
}

/// How many tenants are awake, how many may be, and what that follows from.
async fn awake(tenancy: web::Data<Tenancy>, limit: web::Data<AwakeLimit>) -> HttpResponse {
    let (awake, most, because) = (tenancy.awake(), limit.tenants, &limit.because);
    HttpResponse::Ok().json(json!({ "awake": awake, "most": most, "because": because }))
}

async fn one(tenancy: web::Data<Tenancy>, name: web::Path<String>) -> HttpResponse {
    let status = match TenantId::parse(name.as_str()) {
        Ok(id) => tenancy.status(&id).await,
        Err(_) => None,
    };
    match status {
        Some(status) => HttpResponse::Ok().json(status),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn revive(tenancy: web::Data<Tenancy>, name: web::Path<String>) -> HttpResponse {
    if let Ok(id) = TenantId::parse(name.as_str()) {
        info!(tenant.id = %id, "tenant {id} is revived by an operator");
        tenancy.revive(&id);
    }
    one(tenancy, name).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_open_to_its_owner_alone_and_replaces_one_that_a_process_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let first = listen(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let refused = listen(&path).unwrap_err();
        assert!(refused.to_string().contains("another process"), "{refused}");
        drop(first);
        assert!(path.exists(), "as after a crash");
        let _second = listen(&path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(names_in(folder.path()), ["admin.sock", "admin.sock.lock"]);
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn of_many_who_want_the_place_at_once_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let results: Vec<_> = std::thread::scope(|scope| {
            let listening: Vec<_> = (0..8).map(|_| scope.spawn(|| listen(&path))).collect();
            let joined = listening.into_iter().map(|thread| thread.join().unwrap());
            joined.collect()
        });
        let got = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(got, 1, "{results:?}");
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn a_socket_that_answers_is_left_to_who_has_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let _older = UnixListener::bind(&path).unwrap();
        let refused = listen(&path).unwrap_err();
        assert!(refused.to_string().contains("another process"), "{refused}");
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn what_a_crash_left_half_made_keeps_nobody_from_making_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let half = path.with_extension(format!("{}.new", std::process::id()));
        fs::create_dir(&half).unwrap();
        let _crashed = UnixListener::bind(half.join("s")).unwrap();
        let _second = listen(&path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(names_in(folder.path()), ["admin.sock", "admin.sock.lock"]);
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        fs::write(&path, "something").unwrap();
        assert!(listen(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "something");
    }
}

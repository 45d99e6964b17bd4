//! The admin socket: a Unix socket that only the user who runs the process can open, through which
//! `insula tenants` and `insula tenant` look at tenants and revive one.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpResponse, HttpServer, web};
use insula_model::TenantId;
use insula_tenancy::Tenancy;
use tracing::{info, warn};

/// An open admin socket. The file goes with it.
pub(crate) struct AdminSocket {
    path: PathBuf,
    handle: ServerHandle,
}

/// Opens the socket and serves it until it is closed. A process without one serves its tenants all
/// the same.
pub(crate) fn open(path: Option<&Path>, tenancy: Tenancy) -> Option<AdminSocket> {
    let path = path?;
    let opened = listen(path).and_then(|listener| serve(listener, tenancy));
    match opened {
        Ok(server) => {
            let handle = server.handle();
            actix::spawn(server);
            info!("`insula tenants` is answered at {}", path.display());
            Some(AdminSocket {
                path: path.to_owned(),
                handle,
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

/// Binds in a folder that only we can enter and moves the socket to its place with its rights set,
/// so that at no time anybody else could connect. One that a process which is gone left is replaced.
fn listen(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process answers there",
        ));
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
    bound
}

fn serve(listener: UnixListener, tenancy: Tenancy) -> io::Result<Server> {
    let tenancy = web::Data::new(tenancy);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(tenancy.clone())
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
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
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
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
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

//! A login under way, in the hands of the request that takes a step of it.

use std::sync::Arc;

use insula_engine::authorize::Choice;
use insula_model::{
    AuthRequest, AuthRequestId, AuthorizationRequest, Client, Origin, email_domain,
};
use insula_oauth::Params;

use crate::session::LiveSession;
use crate::under_way::bind;
use crate::{Browser, CookieChange, FlowError, TenantView, kept};

/// A request whose parameters came whole, for the links of dex's dialect, which repeat them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole<'a> {
    pub(crate) params: &'a Params,
    /// Whether the route named a connector.
    pub(crate) at_connector: bool,
}

/// What a step knows of its login: the record, and what came in with the step itself.
#[derive(Debug)]
pub(crate) struct Conversation<'a> {
    pub(crate) auth: AuthRequest,
    /// The version of the record in the cache, if there is one.
    pub(crate) stored: Option<u32>,
    pub(crate) choice: Choice,
    pub(crate) whole: Option<Whole<'a>>,
    /// The person said yes just now.
    pub(crate) is_approved: bool,
    /// The person proved who they are just now.
    pub(crate) is_proven_now: bool,
    /// The browser's session that stands for the login.
    pub(crate) live: Option<LiveSession>,
    /// The client, where the step has looked it up already.
    pub(crate) client: Option<Arc<Client>>,
    /// The person typed an address just now, which the stored login does not know yet.
    pub(crate) is_address_new: bool,
}

impl<'a> Conversation<'a> {
    /// A request that just arrived. Nothing is stored of it before somebody has to be asked.
    pub(crate) fn arriving(
        view: &TenantView,
        request: AuthorizationRequest,
        choice: Choice,
        whole: Option<Whole<'a>>,
    ) -> Self {
        let auth = AuthRequest {
            id: AuthRequestId::generate(view.effects.entropy.as_ref()),
            version: 1,
            origin: Origin::Browser,
            request,
            browser: None,
            carried: false,
            created_at: view.now(),
            back_hash: None,
            asked: None,
            person: None,
            proofs: Vec::new(),
            remember_me: None,
            typed_address: None,
        };
        Self {
            auth,
            stored: None,
            choice,
            whole,
            is_approved: false,
            is_proven_now: false,
            live: None,
            client: None,
            is_address_new: false,
        }
    }

    /// A stored login that is returned to.
    pub(crate) fn returning(auth: AuthRequest) -> Self {
        Self {
            stored: Some(auth.version),
            auth,
            choice: Choice::Open,
            whole: None,
            is_approved: false,
            is_proven_now: false,
            live: None,
            client: None,
            is_address_new: false,
        }
    }

    /// A choice that is made, or wanted again, in a stored login. One that went on without this page,
    /// in another tab or before the browser was sent back, keeps what it has: from the page a login of
    /// its own begins, with the same request.
    pub(crate) fn choosing(view: &TenantView, auth: AuthRequest, choice: Choice) -> Self {
        let mut conversation = Self::returning(auth);
        let is_open = conversation.auth.is_open();
        let insists = conversation.auth.request.connector_id.is_some();
        if choice == Choice::Wanted && !insists {
            // Shown, and not a step: nothing is stored.
            conversation.auth = conversation.auth.reopened();
        } else if !is_open {
            conversation.restart(view);
        }
        if let Choice::Typed(address) = &choice {
            let address = address.trim();
            if email_domain(address).is_some() {
                conversation.auth.typed_address = Some(address.to_owned());
                conversation.is_address_new = true;
            }
        }
        if matches!(choice, Choice::Made(_) | Choice::Typed(_)) {
            // A choice that was asked for is made by following it.
            conversation.auth.request.prompts.select_account = false;
        }
        conversation.choice = choice;
        conversation
    }

    /// Begins anew with the same request, as if nobody were known; the stored login stays as it is.
    pub(crate) fn restart(&mut self, view: &TenantView) {
        self.auth = self.auth.clone().reopened();
        self.is_approved = false;
        self.fork(view);
    }

    /// Leaves the stored login to whoever took it further, and goes on with the same request in
    /// one of its own.
    pub(crate) fn fork(&mut self, view: &TenantView) {
        self.auth.id = AuthRequestId::generate(view.effects.entropy.as_ref());
        self.auth.version = 1;
        self.auth.carried = false;
        self.auth.back_hash = None;
        self.auth.created_at = view.now();
        self.stored = None;
    }

    /// Stores the login as it is now; the cookies it comes with, or nothing where another request
    /// took it further meanwhile.
    pub(crate) async fn store(
        &mut self,
        view: &TenantView,
        browser: &Browser,
    ) -> Result<Option<Vec<CookieChange>>, FlowError> {
        if let Some(version) = self.stored {
            self.auth.version = version + 1;
            let record = kept::record(&self.auth);
            let is_advanced = view.effects.cache.advance_auth_request(&record).await?;
            self.stored = Some(self.auth.version);
            return Ok(is_advanced.then(Vec::new));
        }
        let (binding, cookie) = bind(view, browser);
        self.auth.browser = Some(binding);
        let carried = kept::begin(view, &mut self.auth).await?;
        self.stored = Some(self.auth.version);
        Ok(Some(cookie.into_iter().chain(carried).collect()))
    }
}

# Words of the base theme. In tenant files a key may be written with dots: login.title is login-title here.

## Sign in
login-title = Sign in to { $client }
login-title-plain = Sign in
login-lead = Choose how you’d like to continue.
login-none = There is no way to sign in here yet. Ask whoever runs this service to set one up.
login-with = Continue with { $connector }
login-last-used = Last used
login-unavailable-broken = Not set up right at the moment. Choose another way, or tell whoever runs this sign-in.
login-unavailable-silent = Not answering at the moment. Choose another way, or come back in a few minutes.
login-or = or
identifier-label = Email address
identifier-submit = Continue
identifier-malformed = That doesn’t look like an email address. Check it and try again.
identifier-unroutable = We can’t find a way to sign in with that address. Check it, or choose another way below.
password-lead = With your { $connector } account.
password-username = Email or username
password-label = Password
password-reset = Forgot password?
password-show = Show
password-hide = Hide
password-change = Change
password-remember = Keep me signed in on this device
password-submit = Sign in
password-back = Sign in another way
password-wrong = That username and password don’t match. Check both and try again.
password-wrong-reset = That username and password don’t match. Try again or reset your password.
password-throttled = That was one try too many. Wait a minute, then try again.
password-throttled-for = { $seconds ->
    [one] That was one try too many. Wait a second, then try again.
   *[other] That was one try too many. Wait { $seconds } seconds, then try again.
}
password-throttled-minutes = { $minutes ->
    [one] That was one try too many. Wait a minute, then try again.
   *[other] That was one try too many. Wait { $minutes } minutes, then try again.
}
password-expired = This took a while, so we stopped to keep your account safe. Start again to sign in.

## Consent
consent-title = Allow { $client } to use your account?
consent-as = Signed in as
consent-lead = { $client } will be able to:
consent-nothing = It only needs to know that you’re signed in.
consent-approve = Allow
consent-deny = Don’t allow
consent-host = After you choose, { $client } takes you to
consent-audience = Act for you in { $client }
consent-other-scope = Use the permission
scope-openid = Confirm that it’s you
scope-profile = See your name and basic profile
scope-email = See your email address
scope-groups = See which groups you belong to
scope-phone = See your phone number
scope-address = See your postal address
scope-offline_access = Stay connected when you’re not using it

## A device without a browser
device-title = Connect a device
device-lead = Type the code that your device shows.
device-lead-known = Check that your device shows this very code.
device-code = Code
device-submit = Continue
device-warning = Only go on with a code that you see on a device of your own. Nobody else has a reason to send you one.
device-wrong = No device is waiting with this code. Compare it with your device and try again.
device-expired = This code has expired or was used already. Start again on your device to get a new one.
device-throttled = { $minutes ->
    [one] Too many wrong codes were typed. Wait a minute, then try again.
   *[other] Too many wrong codes were typed. Wait { $minutes } minutes, then try again.
}
device-confirm-title = Sign in to { $client } on your device?
device-confirm-lead = Go on only if your device shows this code now.
device-client = App
device-from = It asked from
device-when = When
device-now = Less than a minute ago
device-minutes-ago = { $minutes ->
    [one] A minute ago
   *[other] { $minutes } minutes ago
}
device-confirm = It’s mine
device-deny = Not mine
device-confirm-warning = Did somebody send you this code or link? Then it’s their device, and it would act in your name.
device-done-title = Your device is connected
device-done-lead = Return to your device: { $client } goes on by itself. You can close this window.
device-denied-title = Your device was not connected
device-denied-lead = We told { $client } that you said no. You can close this window.
device-over-title = This code has expired
device-over-lead = It took too long, or was answered elsewhere. Start again on your device to get a new one.

## When something is in the way
error-retry = Try again
error-start-again = Start again
error-incident = Incident
error-detail = For whoever runs the app
error-client-title = We can’t open this sign-in
error-client-message = The app that sent you here asked for something we can’t do. Go back to it and try again; if that doesn’t help, tell its support.
error-client-sign-out-title = We can’t sign you out this way
error-client-sign-out-message = The app that sent you here asked for something we can’t do. You may still be signed in. Go back to the app and try again; if that doesn’t help, tell its support.
error-client-visit-title = We can’t do that here
error-client-visit-message = What was asked of this address makes no sense to us. Go back to the app you came from.
error-fault-title = That didn’t work, and it’s on us
error-fault-message = Nothing is wrong on your side. Try again in a moment; if it happens again, tell support the incident below.
error-upstream-title = { $connector } isn’t answering
error-upstream-message = We asked { $connector } to sign you in and got no answer. Try again in a moment or choose another way in.
error-reply-title = We can’t use the answer from { $connector }
error-reply-message = { $connector } answered, but not in a way that lets us sign you in. That’s not your fault, nor the app’s. Go back to the app to try again or to choose another way in; if it happens again, pass on the line below.
error-reply-detail = For whoever manages { $connector }
error-setup-title = { $connector } isn’t set up right
error-setup-message = { $connector } can’t work with the settings it has here. Go back to the app to choose another way in, or tell whoever runs this sign-in: its log says what is wrong.
error-removed-title = This way to sign in is gone
error-removed-message = It was taken away while you were signing in. Choose another way; if there is none, go back to the app and start again.
error-declined-title = You declined to sign in
error-declined-message = { $connector } told us that you said no, so you’re not signed in. Changed your mind? Start again from the app. If you didn’t say no, { $connector } didn’t allow it: ask whoever manages it.
error-consent-title = You didn’t allow the app
error-consent-message = You chose not to give the app what it asked for, so you’re not signed in to it. Changed your mind? Start again from the app.
error-denied-title = You can’t sign in here
error-denied-message = Your account doesn’t have access to this app. Ask whoever manages it, or sign in with another account.
error-expired-title = This sign-in has expired
error-expired-message = It was open for too long, or was already finished in another tab. Start again from the app.
error-expired-sign-out-title = This took too long
error-expired-sign-out-message = You may still be signed in. Go back to the app and sign out again.
error-finished-title = This sign-in is finished
error-finished-message = It was completed or called off in this browser, and each one counts only once. Carry on in the app, or start again from there.
error-app = Continue to { $host }
error-cookies-title = We lost track of this sign-in
error-cookies-message = Your browser didn’t send back our cookie. Allow cookies for this site, or finish in the browser where you started.
error-busy-title = A lot is going on right now
error-busy-message = We’re getting more requests than we can take. Wait a few seconds, then try again.
error-missing-title = There’s nothing here
error-missing-message = The address may be mistyped or out of date. Go back to the app you came from.

## Sign out
logout-title = Sign out?
logout-as = You’re signed in as
logout-lead = You’ll need to sign in again to use your apps.
logout-submit = Sign out
logout-everywhere = { $count ->
    [one] Sign out here and in one other browser
   *[other] Sign out here and in { $count } other browsers
}
logout-cancel = Stay signed in
logout-cancel-to = Back to { $client }
logged-out-title = You’re signed out
logged-out-lead = It’s safe to close this window.
logged-out-return = Back to { $client }
logged-out-return-plain = Continue

## On the way
form-post-title = Taking you to { $client }
form-post-title-plain = Taking you back
form-post-lead = If nothing happens, continue yourself.
form-post-submit = Continue
oob-title = Copy this code
oob-lead = Switch back to the app and paste the code there to finish signing in.
oob-code = Your code
oob-warning = It works once and only for a short time. Don’t give it to anybody else.
unavailable-title = Back in a moment
unavailable-lead = Sign-in is taking a short break. Your account is safe; try again in a minute.
unavailable-lead-for = { $seconds ->
    [one] Sign-in is taking a short break. Your account is safe; try again in a second.
   *[other] Sign-in is taking a short break. Your account is safe; try again in { $seconds } seconds.
}
home-title = { $brand } sign-in is running
home-title-plain = Sign-in is running
home-lead = People reach this page through their apps. If you’re connecting one, start here.
home-signed-in = You’re signed in as
home-email = Email
home-unverified = not confirmed
home-groups = Groups
home-since = Signed in
home-since-hours = { $hours } hours ago
home-since-days = { $days } days ago
home-left = Stays signed in for
home-left-moment = Less than a minute
home-left-minutes = { $minutes ->
    [one] A minute
   *[other] { $minutes } minutes
}
home-left-hours = { $hours } hours
home-left-days = { $days } days
home-left-unused = , longer while you use it
home-connector = Signed in with
home-issuer = Issuer
home-discovery = Discovery document
footer-label = About this service
footer-terms = Terms
footer-privacy = Privacy
footer-support = Help

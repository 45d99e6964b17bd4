# Die Wörter des Themas »base« auf Deutsch.

## Anmelden
login-title = Bei { $client } anmelden
login-title-plain = Anmelden
login-lead = Wie möchten Sie fortfahren?
login-none = Hier ist noch kein Anmeldeweg eingerichtet. Wenden Sie sich an den Betreiber dieses Dienstes.
login-with = Weiter mit { $connector }
login-last-used = Zuletzt benutzt
login-unavailable-broken = Zurzeit nicht richtig eingerichtet. Wählen Sie einen anderen Weg, oder sagen Sie es dem Betreiber dieser Anmeldung.
login-unavailable-silent = Antwortet zurzeit nicht. Wählen Sie einen anderen Weg, oder kommen Sie in ein paar Minuten wieder.
login-or = oder
identifier-label = E-Mail-Adresse
identifier-submit = Weiter
identifier-malformed = Das sieht nicht nach einer E-Mail-Adresse aus. Prüfen Sie die Eingabe und versuchen Sie es noch einmal.
identifier-unroutable = Zu dieser Adresse finden wir keinen Anmeldeweg. Prüfen Sie sie, oder wählen Sie unten einen anderen Weg.
password-lead = Mit Ihrem Konto bei { $connector }.
password-username = E-Mail oder Benutzername
password-label = Passwort
password-reset = Passwort vergessen?
password-show = Zeigen
password-hide = Verbergen
password-change = Ändern
password-remember = Auf diesem Gerät angemeldet bleiben
password-submit = Anmelden
password-back = Anders anmelden
password-wrong = Benutzername und Passwort passen nicht zusammen. Prüfen Sie beides und versuchen Sie es noch einmal.
password-wrong-reset = Benutzername und Passwort passen nicht zusammen. Versuchen Sie es noch einmal, oder setzen Sie Ihr Passwort zurück.
password-throttled = Das war ein Versuch zu viel. Warten Sie eine Minute und versuchen Sie es dann noch einmal.
password-throttled-for = { $seconds ->
    [one] Das war ein Versuch zu viel. Warten Sie eine Sekunde und versuchen Sie es dann noch einmal.
   *[other] Das war ein Versuch zu viel. Warten Sie { $seconds } Sekunden und versuchen Sie es dann noch einmal.
}
password-throttled-minutes = { $minutes ->
    [one] Das war ein Versuch zu viel. Warten Sie eine Minute und versuchen Sie es dann noch einmal.
   *[other] Das war ein Versuch zu viel. Warten Sie { $minutes } Minuten und versuchen Sie es dann noch einmal.
}
password-expired = Das hat eine Weile gedauert; zum Schutz Ihres Kontos haben wir abgebrochen. Beginnen Sie von vorn, um sich anzumelden.

## Einwilligung
consent-title = Darf { $client } Ihr Konto verwenden?
consent-as = Angemeldet als
consent-lead = { $client } kann dann:
consent-nothing = Es wird nur bestätigt, dass Sie angemeldet sind.
consent-approve = Erlauben
consent-deny = Nicht erlauben
consent-host = Nach Ihrer Wahl führt { $client } Sie zu
consent-audience = in { $client } für Sie handeln
consent-other-scope = diese Berechtigung nutzen:
scope-openid = bestätigen, dass Sie es sind
scope-profile = Ihren Namen und Ihr Profil sehen
scope-email = Ihre E-Mail-Adresse sehen
scope-groups = Ihre Gruppen sehen
scope-phone = Ihre Telefonnummer sehen
scope-address = Ihre Anschrift sehen
scope-offline_access = verbunden bleiben, wenn Sie es nicht benutzen

## Ein Gerät ohne Browser
device-title = Gerät verbinden
device-lead = Geben Sie den Code ein, den Ihr Gerät zeigt.
device-lead-known = Prüfen Sie, ob Ihr Gerät genau diesen Code zeigt.
device-code = Code
device-submit = Weiter
device-warning = Fahren Sie nur mit einem Code fort, den Sie auf einem eigenen Gerät sehen. Niemand sonst hat einen Grund, Ihnen einen zu schicken.
device-wrong = Mit diesem Code wartet kein Gerät. Vergleichen Sie ihn mit Ihrem Gerät und versuchen Sie es noch einmal.
device-expired = Dieser Code ist abgelaufen oder wurde schon benutzt. Beginnen Sie an Ihrem Gerät von vorn, um einen neuen zu bekommen.
device-throttled = { $minutes ->
    [one] Es wurden zu viele falsche Codes eingegeben. Warten Sie eine Minute und versuchen Sie es dann noch einmal.
   *[other] Es wurden zu viele falsche Codes eingegeben. Warten Sie { $minutes } Minuten und versuchen Sie es dann noch einmal.
}
device-confirm-title = Auf Ihrem Gerät bei { $client } anmelden?
device-confirm-lead = Fahren Sie nur fort, wenn Ihr Gerät jetzt diesen Code zeigt.
device-client = App
device-from = Angefragt von
device-when = Wann
device-now = Vor weniger als einer Minute
device-minutes-ago = { $minutes ->
    [one] Vor einer Minute
   *[other] Vor { $minutes } Minuten
}
device-confirm = Meines
device-deny = Nicht meines
device-confirm-warning = Hat Ihnen jemand diesen Code oder Link geschickt? Dann ist es dessen Gerät, und es würde in Ihrem Namen handeln.
device-done-title = Ihr Gerät ist verbunden
device-done-lead = Kehren Sie zu Ihrem Gerät zurück: { $client } macht von selbst weiter. Sie können dieses Fenster schließen.
device-denied-title = Ihr Gerät wurde nicht verbunden
device-denied-lead = { $client } hat erfahren, dass Sie abgelehnt haben. Sie können dieses Fenster schließen.
device-over-title = Dieser Code ist abgelaufen
device-over-lead = Es hat zu lange gedauert, oder er wurde anderswo beantwortet. Beginnen Sie an Ihrem Gerät von vorn, um einen neuen zu bekommen.

## Wenn etwas im Weg ist
error-retry = Noch einmal versuchen
error-start-again = Von vorn beginnen
error-incident = Vorfall
error-detail = Für den Betreiber der Anwendung
error-client-title = Diese Anmeldung lässt sich nicht öffnen
error-client-message = Die Anwendung, von der Sie kommen, hat etwas verlangt, das wir nicht können. Gehen Sie zurück und versuchen Sie es noch einmal; hilft das nicht, wenden Sie sich an deren Support.
error-client-sign-out-title = So können wir Sie nicht abmelden
error-client-sign-out-message = Die Anwendung, von der Sie kommen, hat etwas verlangt, das wir nicht können. Vielleicht sind Sie noch angemeldet. Gehen Sie zurück und versuchen Sie es noch einmal; hilft das nicht, wenden Sie sich an deren Support.
error-client-visit-title = Das geht hier nicht
error-client-visit-message = Mit dieser Anfrage können wir nichts anfangen. Gehen Sie zurück zu der Anwendung, von der Sie kommen.
error-fault-title = Das hat nicht geklappt, und es liegt an uns
error-fault-message = Sie haben nichts falsch gemacht. Versuchen Sie es gleich noch einmal; passiert es wieder, nennen Sie dem Support den Vorfall unten.
error-upstream-title = { $connector } antwortet nicht
error-upstream-message = Wir haben { $connector } um Ihre Anmeldung gebeten und keine Antwort bekommen. Versuchen Sie es gleich noch einmal, oder wählen Sie einen anderen Weg.
error-reply-title = Mit der Antwort von { $connector } können wir nichts anfangen
error-reply-message = { $connector } hat geantwortet, aber nicht so, dass wir Sie anmelden können. Das liegt weder an Ihnen noch an der Anwendung. Versuchen Sie es von der Anwendung aus noch einmal oder auf einem anderen Weg; passiert es wieder, geben Sie die Zeile unten weiter.
error-reply-detail = Für den Betreiber von { $connector }
error-setup-title = { $connector } ist nicht richtig eingerichtet
error-setup-message = { $connector } kann mit den Einstellungen, die hier stehen, nicht arbeiten. Wählen Sie von der Anwendung aus einen anderen Weg, oder sagen Sie es dem Betreiber dieser Anmeldung: Im Protokoll steht, was nicht stimmt.
error-removed-title = Diesen Anmeldeweg gibt es nicht mehr
error-removed-message = Er wurde entfernt, während Sie sich anmeldeten. Wählen Sie einen anderen; gibt es keinen, beginnen Sie in der Anwendung von vorn.
error-declined-title = Sie haben die Anmeldung abgelehnt
error-declined-message = { $connector } hat uns mitgeteilt, dass Sie abgelehnt haben. Sie sind deshalb nicht angemeldet. Haben Sie es sich anders überlegt? Beginnen Sie in der Anwendung von vorn. Waren Sie es nicht, hat { $connector } es nicht erlaubt: Fragen Sie dort nach.
error-consent-title = Sie haben die Anwendung nicht zugelassen
error-consent-message = Sie wollten der Anwendung nicht geben, worum sie bat. Sie sind deshalb dort nicht angemeldet. Haben Sie es sich anders überlegt? Beginnen Sie in der Anwendung von vorn.
error-denied-title = Sie können sich hier nicht anmelden
error-denied-message = Ihr Konto hat keinen Zugang zu dieser Anwendung. Fragen Sie, wer sie verwaltet, oder melden Sie sich mit einem anderen Konto an.
error-expired-title = Diese Anmeldung ist abgelaufen
error-expired-message = Sie war zu lange offen oder wurde schon in einem anderen Tab beendet. Beginnen Sie in der Anwendung von vorn.
error-expired-sign-out-title = Das hat zu lange gedauert
error-expired-sign-out-message = Vielleicht sind Sie noch angemeldet. Gehen Sie zurück zu der Anwendung und melden Sie sich noch einmal ab.
error-finished-title = Diese Anmeldung ist abgeschlossen
error-finished-message = Sie wurde in diesem Browser zu Ende geführt oder abgebrochen, und jede gilt nur einmal. Machen Sie in der Anwendung weiter, oder beginnen Sie dort von vorn.
error-app = Weiter zu { $host }
error-cookies-title = Wir haben diese Anmeldung aus den Augen verloren
error-cookies-message = Ihr Browser hat unser Cookie nicht zurückgeschickt. Erlauben Sie Cookies für diese Seite, oder machen Sie in dem Browser weiter, in dem Sie begonnen haben.
error-busy-title = Gerade ist viel los
error-busy-message = Wir bekommen mehr Anfragen, als wir beantworten können. Warten Sie ein paar Sekunden und versuchen Sie es dann noch einmal.
error-missing-title = Hier ist nichts
error-missing-message = Die Adresse ist vielleicht vertippt oder veraltet. Gehen Sie zurück zu der Anwendung, von der Sie kommen.

## Abmelden
logout-title = Abmelden?
logout-as = Sie sind angemeldet als
logout-lead = Um Ihre Anwendungen zu benutzen, müssen Sie sich dann wieder anmelden.
logout-submit = Abmelden
logout-everywhere = { $count ->
    [one] Hier und in einem weiteren Browser abmelden
   *[other] Hier und in { $count } weiteren Browsern abmelden
}
logout-cancel = Angemeldet bleiben
logout-cancel-to = Zurück zu { $client }
logged-out-title = Sie sind abgemeldet
logged-out-lead = Sie können dieses Fenster schließen.
logged-out-return = Zurück zu { $client }
logged-out-return-plain = Weiter

## Unterwegs
form-post-title = Weiter zu { $client }
form-post-title-plain = Es geht zurück
form-post-lead = Wenn nichts passiert, machen Sie selbst weiter.
form-post-submit = Weiter
oob-title = Kopieren Sie diesen Code
oob-lead = Wechseln Sie zurück zur Anwendung und fügen Sie den Code dort ein, um die Anmeldung abzuschließen.
oob-code = Ihr Code
oob-warning = Er gilt einmal und nur kurze Zeit. Geben Sie ihn an niemanden weiter.
unavailable-title = Gleich wieder da
unavailable-lead = Die Anmeldung macht eine kurze Pause. Ihr Konto ist sicher; versuchen Sie es in einer Minute noch einmal.
unavailable-lead-for = { $seconds ->
    [one] Die Anmeldung macht eine kurze Pause. Ihr Konto ist sicher; versuchen Sie es in einer Sekunde noch einmal.
   *[other] Die Anmeldung macht eine kurze Pause. Ihr Konto ist sicher; versuchen Sie es in { $seconds } Sekunden noch einmal.
}
home-title = Die Anmeldung von { $brand } läuft
home-title-plain = Die Anmeldung läuft
home-lead = Hierher kommt man über seine Anwendungen. Wenn Sie eine anbinden möchten, beginnen Sie hier.
home-signed-in = Sie sind angemeldet als
home-email = E-Mail
home-unverified = nicht bestätigt
home-groups = Gruppen
home-since = Angemeldet
home-since-hours = Vor { $hours } Stunden
home-since-days = Vor { $days } Tagen
home-left = Bleibt angemeldet
home-left-moment = Weniger als eine Minute
home-left-minutes = { $minutes ->
    [one] Eine Minute
   *[other] { $minutes } Minuten
}
home-left-hours = { $hours } Stunden
home-left-days = { $days } Tage
home-left-unused = , bei Nutzung länger
home-connector = Angemeldet über
home-issuer = Aussteller
home-discovery = Discovery-Dokument
footer-label = Über diesen Dienst
footer-terms = Nutzungsbedingungen
footer-privacy = Datenschutz
footer-support = Hilfe

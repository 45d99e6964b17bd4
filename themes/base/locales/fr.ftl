# Les mots du thème « base » en français.

## Connexion
login-title = Se connecter à { $client }
login-title-plain = Se connecter
login-lead = Comment souhaitez-vous continuer ?
login-none = Aucun moyen de connexion n’est encore en place ici. Adressez-vous au responsable de ce service.
login-with = Continuer avec { $connector }
login-last-used = Dernier utilisé
login-unavailable-broken = Mal configuré en ce moment. Choisissez une autre méthode, ou prévenez le responsable de cette connexion.
login-unavailable-silent = Ne répond pas en ce moment. Choisissez une autre méthode, ou revenez dans quelques minutes.
login-or = ou
identifier-label = Adresse e-mail
identifier-submit = Continuer
identifier-malformed = Cela ne ressemble pas à une adresse e-mail. Vérifiez-la, puis réessayez.
identifier-unroutable = Nous ne trouvons pas de moyen de connexion pour cette adresse. Vérifiez-la ou choisissez une autre méthode ci-dessous.
password-lead = Avec votre compte { $connector }.
password-username = E-mail ou nom d’utilisateur
password-label = Mot de passe
password-reset = Mot de passe oublié ?
password-show = Afficher
password-hide = Masquer
password-change = Modifier
password-remember = Rester connecté sur cet appareil
password-submit = Se connecter
password-back = Se connecter autrement
password-wrong = Le nom d’utilisateur et le mot de passe ne correspondent pas. Vérifiez les deux, puis réessayez.
password-wrong-reset = Le nom d’utilisateur et le mot de passe ne correspondent pas. Réessayez ou réinitialisez votre mot de passe.
password-throttled = C’était un essai de trop. Attendez une minute, puis réessayez.
password-throttled-for = { $seconds ->
    [one] C’était un essai de trop. Attendez { $seconds } seconde, puis réessayez.
   *[other] C’était un essai de trop. Attendez { $seconds } secondes, puis réessayez.
}
password-throttled-minutes = { $minutes ->
    [one] C’était un essai de trop. Attendez une minute, puis réessayez.
   *[other] C’était un essai de trop. Attendez { $minutes } minutes, puis réessayez.
}
password-expired = Cela a pris un moment ; nous avons interrompu la connexion pour protéger votre compte. Recommencez pour vous connecter.

## Consentement
consent-title = Autoriser { $client } à utiliser votre compte ?
consent-as = Connecté en tant que
consent-lead = { $client } pourra :
consent-nothing = Il s’agit seulement de confirmer que vous êtes connecté.
consent-approve = Autoriser
consent-deny = Refuser
consent-host = Après votre choix, { $client } vous mènera à
consent-audience = agir pour vous dans { $client }
consent-other-scope = utiliser l’autorisation
scope-openid = confirmer qu’il s’agit bien de vous
scope-profile = voir votre nom et votre profil
scope-email = voir votre adresse e-mail
scope-groups = voir les groupes dont vous faites partie
scope-phone = voir votre numéro de téléphone
scope-address = voir votre adresse postale
scope-offline_access = rester connecté lorsque vous ne l’utilisez pas

## Un appareil sans navigateur
device-title = Connecter un appareil
device-lead = Saisissez le code que votre appareil affiche.
device-lead-known = Vérifiez que votre appareil affiche exactement ce code.
device-code = Code
device-submit = Continuer
device-warning = Ne continuez qu’avec un code que vous voyez sur un appareil à vous. Personne d’autre n’a de raison de vous en envoyer un.
device-wrong = Aucun appareil n’attend avec ce code. Comparez-le avec votre appareil et réessayez.
device-expired = Ce code a expiré ou a déjà servi. Recommencez sur votre appareil pour en obtenir un nouveau.
device-throttled = { $minutes ->
    [one] Trop de codes erronés ont été saisis. Attendez une minute, puis réessayez.
   *[other] Trop de codes erronés ont été saisis. Attendez { $minutes } minutes, puis réessayez.
}
device-confirm-title = Se connecter à { $client } sur votre appareil ?
device-confirm-lead = Ne continuez que si votre appareil affiche ce code en ce moment.
device-client = Application
device-from = Demande venue de
device-when = Quand
device-now = Il y a moins d’une minute
device-minutes-ago = { $minutes ->
    [one] Il y a une minute
   *[other] Il y a { $minutes } minutes
}
device-confirm = C’est le mien
device-deny = Pas le mien
device-confirm-warning = Quelqu’un vous a envoyé ce code ou ce lien ? Alors c’est son appareil, et il agirait en votre nom.
device-done-title = Votre appareil est connecté
device-done-lead = Retournez à votre appareil : { $client } continue de lui-même. Vous pouvez fermer cette fenêtre.
device-denied-title = Votre appareil n’a pas été connecté
device-denied-lead = { $client } sait que vous avez refusé. Vous pouvez fermer cette fenêtre.
device-over-title = Ce code a expiré
device-over-lead = Cela a pris trop de temps, ou une réponse a été donnée ailleurs. Recommencez sur votre appareil pour en obtenir un nouveau.

## En cas d’obstacle
error-retry = Réessayer
error-start-again = Recommencer
error-incident = Incident
error-detail = Pour le responsable de l’application
error-client-title = Impossible d’ouvrir cette connexion
error-client-message = L’application d’où vous venez a demandé quelque chose que nous ne pouvons pas faire. Revenez-y et réessayez ; si le problème persiste, prévenez son assistance.
error-client-sign-out-title = Impossible de vous déconnecter ainsi
error-client-sign-out-message = L’application d’où vous venez a demandé quelque chose que nous ne pouvons pas faire. Votre session est peut-être encore ouverte. Revenez-y et réessayez ; si le problème persiste, prévenez son assistance.
error-client-visit-title = Ce n’est pas possible ici
error-client-visit-message = Nous ne comprenons pas ce qui a été demandé à cette adresse. Revenez à l’application d’où vous venez.
error-fault-title = Cela n’a pas marché, et c’est de notre fait
error-fault-message = Vous n’y êtes pour rien. Réessayez dans un instant ; si cela se reproduit, indiquez à l’assistance l’incident ci-dessous.
error-upstream-title = { $connector } ne répond pas
error-upstream-message = Nous avons demandé votre connexion à { $connector } sans obtenir de réponse. Réessayez dans un instant ou choisissez une autre méthode.
error-reply-title = La réponse de { $connector } est inutilisable
error-reply-message = { $connector } a répondu, mais pas de façon à nous permettre de vous connecter. Ce n’est ni de votre fait ni de celui de l’application. Revenez à l’application pour réessayer ou choisir une autre méthode ; si cela se reproduit, transmettez la ligne ci-dessous.
error-reply-detail = Pour le responsable de { $connector }
error-setup-title = { $connector } est mal configuré
error-setup-message = { $connector } ne peut pas fonctionner avec les réglages qu’il a ici. Revenez à l’application pour choisir une autre méthode, ou prévenez le responsable de cette connexion : son journal dit ce qui ne va pas.
error-removed-title = Ce moyen de connexion n’existe plus
error-removed-message = Il a été retiré pendant que vous vous connectiez. Choisissez une autre méthode ; s’il n’y en a pas, revenez à l’application et recommencez.
error-declined-title = Vous avez refusé la connexion
error-declined-message = { $connector } nous a fait savoir que vous avez refusé ; vous n’êtes donc pas connecté. Vous avez changé d’avis ? Recommencez depuis l’application. Si ce n’était pas vous, { $connector } ne l’a pas permis : adressez-vous à son responsable.
error-consent-title = Vous n’avez pas autorisé l’application
error-consent-message = Vous avez choisi de ne pas donner à l’application ce qu’elle demandait ; vous n’y êtes donc pas connecté. Vous avez changé d’avis ? Recommencez depuis l’application.
error-denied-title = Vous ne pouvez pas vous connecter ici
error-denied-message = Votre compte n’a pas accès à cette application. Demandez à la personne qui la gère, ou connectez-vous avec un autre compte.
error-expired-title = Cette connexion a expiré
error-expired-message = Elle est restée ouverte trop longtemps ou a déjà été terminée dans un autre onglet. Recommencez depuis l’application.
error-expired-sign-out-title = Cela a pris trop de temps
error-expired-sign-out-message = Votre session est peut-être encore ouverte. Revenez à l’application et déconnectez-vous de nouveau.
error-finished-title = Cette connexion est terminée
error-finished-message = Elle a été menée à bien ou abandonnée dans ce navigateur, et chacune ne sert qu’une fois. Continuez dans l’application, ou recommencez depuis celle-ci.
error-app = Continuer vers { $host }
error-cookies-title = Nous avons perdu le fil de cette connexion
error-cookies-message = Votre navigateur n’a pas renvoyé notre cookie. Autorisez les cookies pour ce site, ou terminez dans le navigateur où vous avez commencé.
error-busy-title = Il y a beaucoup de monde en ce moment
error-busy-message = Nous recevons plus de demandes que nous ne pouvons en traiter. Attendez quelques secondes, puis réessayez.
error-missing-title = Il n’y a rien ici
error-missing-message = L’adresse est peut-être mal saisie ou périmée. Revenez à l’application d’où vous venez.

## Déconnexion
logout-title = Se déconnecter ?
logout-as = Vous êtes connecté en tant que
logout-lead = Il faudra vous reconnecter pour utiliser vos applications.
logout-submit = Se déconnecter
logout-everywhere = { $count ->
    [one] Se déconnecter ici et dans un autre navigateur
   *[other] Se déconnecter ici et dans { $count } autres navigateurs
}
logout-cancel = Rester connecté
logout-cancel-to = Revenir à { $client }
logged-out-title = Vous êtes déconnecté
logged-out-lead = Vous pouvez fermer cette fenêtre.
logged-out-return = Revenir à { $client }
logged-out-return-plain = Continuer

## En chemin
form-post-title = Direction { $client }
form-post-title-plain = Retour en cours
form-post-lead = Si rien ne se passe, continuez vous-même.
form-post-submit = Continuer
oob-title = Copiez ce code
oob-lead = Revenez à l’application et collez-y le code pour terminer la connexion.
oob-code = Votre code
oob-warning = Il sert une seule fois et expire vite. Ne le donnez à personne.
unavailable-title = De retour dans un instant
unavailable-lead = La connexion fait une courte pause. Votre compte est en sécurité ; réessayez dans une minute.
unavailable-lead-for = { $seconds ->
    [one] La connexion fait une courte pause. Votre compte est en sécurité ; réessayez dans { $seconds } seconde.
   *[other] La connexion fait une courte pause. Votre compte est en sécurité ; réessayez dans { $seconds } secondes.
}
home-title = La connexion { $brand } est en service
home-title-plain = La connexion est en service
home-lead = On arrive ici par ses applications. Pour en raccorder une, commencez ici.
home-signed-in = Vous êtes connecté en tant que
home-email = E-mail
home-unverified = non confirmé
home-groups = Groupes
home-since = Connecté
home-since-hours = Il y a { $hours } heures
home-since-days = Il y a { $days } jours
home-left = Reste connecté
home-left-moment = Moins d’une minute
home-left-minutes = { $minutes ->
    [one] Une minute
   *[other] { $minutes } minutes
}
home-left-hours = { $hours } heures
home-left-days = { $days } jours
home-left-unused = , davantage en cas d’utilisation
home-connector = Connecté avec
home-issuer = Émetteur
home-discovery = Document de découverte
footer-label = À propos de ce service
footer-terms = Conditions
footer-privacy = Confidentialité
footer-support = Aide

// A web application that logs people in with coreos/go-oidc, as its documentation shows it.
//
// It serves its callback, prints the address of a login, and then, once the browser came back, one
// JSON object with what it read: the claims of the ID token, userinfo, and the claims after a refresh.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

type answer struct {
	Claims    map[string]any `json:"claims"`
	UserInfo  map[string]any `json:"userinfo"`
	Refreshed map[string]any `json:"refreshed"`
}

func main() {
	issuer := flag.String("issuer", "", "the issuer")
	clientID := flag.String("client-id", "", "the client")
	clientSecret := flag.String("client-secret", "", "its secret; none for a public client")
	listen := flag.String("listen", "", "address of the callback, such as 127.0.0.1:5555")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	result, err := run(ctx, *issuer, *clientID, *clientSecret, *listen)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, issuer, clientID, clientSecret, listen string) (*answer, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	config := oauth2.Config{
		ClientID:     clientID,
		ClientSecret: clientSecret,
		Endpoint:     provider.Endpoint(),
		RedirectURL:  "http://" + listen + "/callback",
		Scopes:       []string{oidc.ScopeOpenID, "profile", "email", "groups", oidc.ScopeOfflineAccess},
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	callbacks := make(chan *http.Request, 1)
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/callback" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintln(w, "signed in")
		select {
		case callbacks <- r:
		default:
		}
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	fmt.Println(config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))

	var query = make(map[string][]string)
	select {
	case r := <-callbacks:
		query = r.URL.Query()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	first := func(name string) string {
		if values := query[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	if first("state") != state {
		return nil, fmt.Errorf("state is %q", first("state"))
	}
	token, err := config.Exchange(ctx, first("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	result := &answer{}
	idTokenVerifier := provider.Verifier(&oidc.Config{ClientID: clientID})
	idToken, err := verify(ctx, idTokenVerifier, token, &result.Claims)
	if err != nil {
		return nil, err
	}
	if idToken.Nonce != nonce {
		return nil, fmt.Errorf("nonce is %q", idToken.Nonce)
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, fmt.Errorf("at_hash: %w", err)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	if err := info.Claims(&result.UserInfo); err != nil {
		return nil, err
	}
	refreshed, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		return nil, fmt.Errorf("refresh: %w", err)
	}
	if _, err := verify(ctx, idTokenVerifier, refreshed, &result.Refreshed); err != nil {
		return nil, fmt.Errorf("after the refresh: %w", err)
	}
	return result, nil
}

func verify(ctx context.Context, verifier *oidc.IDTokenVerifier, token *oauth2.Token, claims *map[string]any) (*oidc.IDToken, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, fmt.Errorf("no id_token")
	}
	idToken, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("the ID token: %w", err)
	}
	return idToken, idToken.Claims(claims)
}

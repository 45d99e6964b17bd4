// The OIDC authenticator of the Kubernetes API server with its default algorithms.
//
// It reads tokens from standard input, one a line, and answers each with one JSON object: who it is,
// or why it is nobody.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

type certificates []byte

func (c certificates) CurrentCABundleContent() []byte { return c }

type answer struct {
	Authenticated bool     `json:"authenticated"`
	Name          string   `json:"name,omitempty"`
	Groups        []string `json:"groups,omitempty"`
	Error         string   `json:"error,omitempty"`
}

func main() {
	issuer := flag.String("issuer", "", "--oidc-issuer-url")
	clientID := flag.String("client-id", "", "--oidc-client-id")
	ca := flag.String("ca", "", "--oidc-ca-file")
	flag.Parse()
	if err := run(*issuer, *clientID, *ca); err != nil {
		log.Fatal(err)
	}
}

func run(issuer, clientID, ca string) error {
	bundle, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	ctx := context.Background()
	prefix := ""
	authenticator, err := oidc.New(ctx, oidc.Options{
		JWTAuthenticator: apiserver.JWTAuthenticator{
			Issuer: apiserver.Issuer{URL: issuer, Audiences: []string{clientID}},
			ClaimMappings: apiserver.ClaimMappings{
				Username: apiserver.PrefixedClaimOrExpression{Claim: "email", Prefix: &prefix},
				Groups:   apiserver.PrefixedClaimOrExpression{Claim: "groups", Prefix: &prefix},
			},
		},
		CAContentProvider: certificates(bundle),
	})
	if err != nil {
		return err
	}
	// It answers nobody before it has fetched discovery, which it does in the background.
	for deadline := time.Now().Add(60 * time.Second); authenticator.HealthCheck() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return authenticator.HealthCheck()
		}
	}
	output := json.NewEncoder(os.Stdout)
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<20)
	for input.Scan() {
		var said answer
		response, ok, err := authenticator.AuthenticateToken(ctx, strings.TrimSpace(input.Text()))
		said.Authenticated = ok
		if err != nil {
			said.Error = err.Error()
		}
		if ok {
			said.Name, said.Groups = response.User.GetName(), response.User.GetGroups()
		}
		if err := output.Encode(said); err != nil {
			return err
		}
	}
	return input.Err()
}

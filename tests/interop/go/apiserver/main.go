// The OIDC authenticator of the Kubernetes API server with its default algorithms: by the flags that the
// API server has had for long, or by a file as its --authentication-config takes it.
//
// It reads tokens from standard input, one a line, and answers each with one JSON object: who it is,
// or why it is nobody.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

type certificates []byte

func (c certificates) CurrentCABundleContent() []byte { return c }

type answer struct {
	Authenticated bool     `json:"authenticated"`
	Name          string   `json:"name,omitempty"`
	UID           string   `json:"uid,omitempty"`
	Groups        []string `json:"groups,omitempty"`
	Error         string   `json:"error,omitempty"`
}

func main() {
	issuer := flag.String("issuer", "", "--oidc-issuer-url")
	clientID := flag.String("client-id", "", "--oidc-client-id")
	ca := flag.String("ca", "", "--oidc-ca-file")
	config := flag.String("authentication-config", "", "--authentication-config, instead of the others")
	flag.Parse()
	options, err := byFlags(*issuer, *clientID), error(nil)
	if *config != "" {
		options, err = byFile(*config)
	} else {
		options.CAContentProvider, err = contentOf(*ca)
	}
	if err == nil {
		err = run(options)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func contentOf(file string) (certificates, error) {
	content, err := os.ReadFile(file)
	return certificates(content), err
}

func byFlags(issuer, clientID string) oidc.Options {
	prefix := ""
	return oidc.Options{
		JWTAuthenticator: apiserver.JWTAuthenticator{
			Issuer: apiserver.Issuer{URL: issuer, Audiences: []string{clientID}},
			ClaimMappings: apiserver.ClaimMappings{
				Username: apiserver.PrefixedClaimOrExpression{Claim: "email", Prefix: &prefix},
				Groups:   apiserver.PrefixedClaimOrExpression{Claim: "groups", Prefix: &prefix},
			},
		},
	}
}

// Reads the file as the API server does: strictly, and judged by its rules. It has one issuer.
func byFile(file string) (oidc.Options, error) {
	var options oidc.Options
	content, err := os.ReadFile(file)
	if err != nil {
		return options, err
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	object, err := runtime.Decode(codecs.UniversalDecoder(), content)
	if err != nil {
		return options, err
	}
	config, ok := object.(*apiserver.AuthenticationConfiguration)
	if !ok || len(config.JWT) != 1 {
		return options, errors.New("it is no AuthenticationConfiguration with one issuer")
	}
	compiler := authenticationcel.NewDefaultCompiler()
	if wrong := validation.ValidateAuthenticationConfiguration(compiler, config, nil); len(wrong) > 0 {
		return options, wrong.ToAggregate()
	}
	options.JWTAuthenticator = config.JWT[0]
	if ca := config.JWT[0].Issuer.CertificateAuthority; ca != "" {
		options.CAContentProvider = certificates(ca)
	}
	return options, nil
}

func run(options oidc.Options) error {
	ctx := context.Background()
	authenticator, err := oidc.New(ctx, options)
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
			said.Name, said.UID, said.Groups = response.User.GetName(), response.User.GetUID(), response.User.GetGroups()
		}
		if err := output.Encode(said); err != nil {
			return err
		}
	}
	return input.Err()
}

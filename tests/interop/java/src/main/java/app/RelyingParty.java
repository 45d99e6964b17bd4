package app;

import java.util.Map;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Shows whoever logged in what it was told about them; Spring Boot guards every page by itself. */
@SpringBootApplication
@RestController
public class RelyingParty {
    public static void main(String[] arguments) {
        SpringApplication.run(RelyingParty.class, arguments);
    }

    @GetMapping("/me")
    Map<String, Object> me(@AuthenticationPrincipal OidcUser user) {
        return Map.of(
                "claims", user.getIdToken().getClaims(),
                "userinfo", user.getUserInfo().getClaims());
    }
}

package api

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/cluster"
	"github.com/gokasim/gokasim/memkafka/internal/sasl"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// saslHandshake is SaslHandshake (KIP-43): the client chooses a mechanism. After version 0 the tokens follow without headers,
// after version 1 in SaslAuthenticate (KIP-152).
var saslHandshake = serving(17, 0, 1, serveSaslHandshake)

func serveSaslHandshake(c *call, request *kmsg.SASLHandshakeRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.SASLHandshakeResponse)
	response.SupportedMechanisms = append([]string{}, c.login.mechanisms...)
	switch {
	case len(c.login.mechanisms) == 0 || c.login.done || c.login.exchange != nil:
		response.ErrorCode = int16(kafka.IllegalSASLState)
		response.SupportedMechanisms = []string{}
	case !slices.Contains(c.login.mechanisms, request.Mechanism):
		response.ErrorCode = int16(kafka.UnsupportedSASLMechanism)
		c.last = true
	default:
		c.login.exchange = c.broker.exchange(request.Mechanism)
		c.login.bare = c.version == 0
	}
	return response
}

// login is how far a client is with saying who it is.
type login struct {
	mechanisms []string // of the listener; none if it wants no login
	exchange   sasl.Exchange
	bare       bool // tokens come without headers
	done       bool
}

// needed reports whether the client has to log in before it asks for anything else.
func (l *login) needed() bool { return len(l.mechanisms) > 0 && !l.done }

// anonymous is who a client is that did not say.
const anonymous = "User:ANONYMOUS"

// exchange begins an authentication.
func (d *Door) exchange(mechanism string) sasl.Exchange {
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlain(func(user string) (password string, known bool) {
			_ = d.engine.Do(func(core *cluster.Cluster, _ millis) { password, known = core.Settings().Users[user] }) // a closed cluster knows nobody
			return password, known
		})
	case sasl.OAuthBearer:
		return sasl.NewOAuthBearer(time.Now)
	default:
		return sasl.NewScram(mechanism, func(user string) (credential sasl.Credential, known bool) {
			_ = d.engine.Do(func(core *cluster.Cluster, _ millis) { // a closed cluster knows nobody
				var c cluster.ScramCredential
				c, known = core.Scram(user, mechanism)
				credential = sasl.Credential(c)
			})
			return credential, known
		})
	}
}

// PrepareScram makes credentials for the users that have a password and none yet.
func (d *Door) PrepareScram() error {
	for _, mechanism := range []string{sasl.ScramSHA256, sasl.ScramSHA512} {
		passwords := map[string]string{}
		err := d.engine.Do(func(core *cluster.Cluster, _ millis) {
			for user, password := range core.Settings().Users {
				if _, has := core.Scram(user, mechanism); !has {
					passwords[user] = password
				}
			}
		})
		if err != nil {
			return err
		}
		for user, password := range passwords {
			credential, err := sasl.CredentialOf(mechanism, password)
			if err != nil {
				return err
			}
			if err := d.engine.Do(func(core *cluster.Cluster, _ millis) {
				core.SetScram(user, mechanism, cluster.ScramCredential(credential))
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

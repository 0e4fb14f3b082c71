package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gokasim/gokasim/internal/kafka"
	"github.com/gokasim/gokasim/memkafka/internal/wire"
)

// saslAuthenticate is SaslAuthenticate (KIP-152): one step of the mechanism. Sessions have no end (KIP-368 is off, as in Kafka
// by default).
var saslAuthenticate = serving(36, 0, 2, serveSaslAuthenticate)

func serveSaslAuthenticate(c *call, request *kmsg.SASLAuthenticateRequest) wire.Body {
	response := request.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	response.SASLAuthBytes = []byte{}
	if !c.login.needed() || c.login.exchange == nil {
		text := "SaslAuthenticate request received after successful authentication"
		if c.login.needed() {
			text = "SaslAuthenticate request received before SaslHandshake"
			c.last = true
		}
		response.ErrorCode, response.ErrorMessage = int16(kafka.IllegalSASLState), &text
		return response
	}
	out, err := c.authenticate(request.SASLAuthBytes)
	if err != nil {
		text := err.Error()
		response.ErrorCode, response.ErrorMessage = int16(kafka.SASLAuthenticationFailed), &text
		c.last = true
		return response
	}
	response.SASLAuthBytes = notNil(out)
	return response
}

// authenticate gives the mechanism what the client sent.
func (s *Session) authenticate(in []byte) (out []byte, err error) {
	out, done, err := s.login.exchange.Step(in)
	if done && err == nil {
		s.principal = "User:" + s.login.exchange.User()
		s.login = login{mechanisms: s.login.mechanisms, done: true}
	}
	return out, err
}

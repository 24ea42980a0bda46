// Command interop seals and opens with the Go standard library's HPKE (RFC 9180), as an oracle for src/crypto/seal.ts.
// It reads one request as JSON per line and answers each with one line; bytes are base64.
package main

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

type request struct {
	Op           string `json:"op"`
	Suite        string `json:"suite"`
	PrivateKey   []byte `json:"privateKey"`
	PublicKey    []byte `json:"publicKey"`
	Encapsulated []byte `json:"encapsulated"`
	Ciphertext   []byte `json:"ciphertext"`
	Plaintext    []byte `json:"plaintext"`
	Info         []byte `json:"info"`
	AAD          []byte `json:"aad"`
}

type answer struct {
	PublicKey    []byte `json:"publicKey,omitempty"`
	Encapsulated []byte `json:"encapsulated,omitempty"`
	Ciphertext   []byte `json:"ciphertext,omitempty"`
	Plaintext    []byte `json:"plaintext"`
	Error        string `json:"error,omitempty"`
}

func kem(suite string) (hpke.KEM, error) {
	switch suite {
	case "x-wing":
		return hpke.MLKEM768X25519(), nil
	case "x25519":
		return hpke.DHKEM(ecdh.X25519()), nil
	}
	return nil, fmt.Errorf("unknown suite %q", suite)
}

func handle(r request) (answer, error) {
	k, err := kem(r.Suite)
	if err != nil {
		return answer{}, err
	}
	switch r.Op {
	case "open":
		return open(k, r)
	case "seal":
		return seal(k, r)
	}
	return answer{}, fmt.Errorf("unknown operation %q", r.Op)
}

func open(k hpke.KEM, r request) (answer, error) {
	private, err := k.NewPrivateKey(r.PrivateKey)
	if err != nil {
		return answer{}, err
	}
	recipient, err := hpke.NewRecipient(r.Encapsulated, private, hpke.HKDFSHA256(), hpke.AES256GCM(), r.Info)
	if err != nil {
		return answer{}, err
	}
	plaintext, err := recipient.Open(r.AAD, r.Ciphertext)
	if err != nil {
		return answer{}, err
	}
	return answer{PublicKey: private.PublicKey().Bytes(), Plaintext: plaintext}, nil
}

func seal(k hpke.KEM, r request) (answer, error) {
	public, err := k.NewPublicKey(r.PublicKey)
	if err != nil {
		return answer{}, err
	}
	encapsulated, sender, err := hpke.NewSender(public, hpke.HKDFSHA256(), hpke.AES256GCM(), r.Info)
	if err != nil {
		return answer{}, err
	}
	ciphertext, err := sender.Seal(r.AAD, r.Plaintext)
	if err != nil {
		return answer{}, err
	}
	return answer{Encapsulated: encapsulated, Ciphertext: ciphertext}, nil
}

func main() {
	requests := json.NewDecoder(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		var r request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		a, err := handle(r)
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := answers.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

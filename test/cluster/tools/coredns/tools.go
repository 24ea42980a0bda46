//go:build tools

// Package tools pins the DNS server that the local cluster runs.
package tools

import _ "github.com/coredns/coredns"

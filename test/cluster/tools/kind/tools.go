//go:build tools

// Package tools pins the kind command that runs the cluster where a Docker engine can pull its node image.
package tools

import _ "sigs.k8s.io/kind"

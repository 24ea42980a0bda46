module mcpcore.dev/interop

go 1.26

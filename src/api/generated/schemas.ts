// Generated from crds/ by scripts/generate.ts; change the CRDs and run `npm run generate`.

export const McpEnvironmentSchema = {
  "description": "Internal: the encrypted environment of the McpServer of the same name. Only the operator writes it; deleted, it is made again from the McpSecrets.",
  "type": "object",
  "required": [
    "spec"
  ],
  "properties": {
    "apiVersion": {
      "description": "Version of the schema of this object.",
      "type": "string"
    },
    "kind": {
      "description": "Kind of this object.",
      "type": "string"
    },
    "metadata": {
      "type": "object"
    },
    "spec": {
      "description": "The encrypted environment.",
      "type": "object",
      "required": [
        "revision"
      ],
      "properties": {
        "revision": {
          "description": "Grows by one with each change of any key.",
          "type": "integer",
          "format": "int64",
          "minimum": 1
        },
        "changedAt": {
          "description": "When this revision was made.",
          "type": "string",
          "format": "date-time"
        },
        "unredacted": {
          "description": "Keys whose values may show in logs.",
          "type": "array",
          "items": {
            "description": "A key.",
            "type": "string"
          }
        },
        "values": {
          "description": "Encrypted values by key.",
          "type": "object",
          "additionalProperties": {
            "description": "One encrypted value.",
            "type": "object",
            "required": [
              "record",
              "revision",
              "source",
              "secret"
            ],
            "properties": {
              "record": {
                "description": "Ciphertext under AES-256-GCM, bound to namespace, server, key and revision.",
                "type": "string",
                "maxLength": 262144
              },
              "revision": {
                "description": "Revision at which the value was last changed; the ciphertext is bound to it.",
                "type": "integer",
                "format": "int64"
              },
              "source": {
                "description": "SHA-256 of the sealed text that the value came from, base64url.",
                "type": "string"
              },
              "secret": {
                "description": "Name of the McpSecret that holds the key.",
                "type": "string"
              },
              "changedAt": {
                "description": "When the value last changed.",
                "type": "string",
                "format": "date-time"
              }
            },
            "additionalProperties": false
          }
        }
      },
      "additionalProperties": false
    }
  },
  "additionalProperties": false
} as const;

export const McpSecretSchema = {
  "description": "Values of one McpServer. Write them in plain text or sealed; only sealed values are ever stored, and no value can be read back.",
  "type": "object",
  "required": [
    "spec"
  ],
  "properties": {
    "apiVersion": {
      "description": "Version of the schema of this object.",
      "type": "string"
    },
    "kind": {
      "description": "Kind of this object.",
      "type": "string"
    },
    "metadata": {
      "type": "object"
    },
    "spec": {
      "description": "The values and the server that they belong to.",
      "type": "object",
      "required": [
        "server"
      ],
      "properties": {
        "server": {
          "description": "Name of the McpServer, in this namespace, whose tool code reads the values. Immutable.",
          "type": "string",
          "minLength": 1,
          "maxLength": 49
        },
        "values": {
          "description": "Values by key; tool code reads them as env.KEY. UPPER_SNAKE_CASE is the convention, any name up to 253 bytes works. A plain value is sealed at admission, before it is stored; a sealed one begins with mcps1. and opens only for this namespace, server and key.",
          "type": "object",
          "maxProperties": 256,
          "additionalProperties": {
            "description": "A value, plain on the way in and sealed at rest.",
            "maxLength": 96000,
            "type": "string"
          }
        },
        "unredacted": {
          "description": "Keys whose values may show in logs, for plain settings such as a host or a port.",
          "type": "array",
          "maxItems": 256,
          "items": {
            "description": "A key.",
            "type": "string",
            "maxLength": 253
          }
        }
      },
      "additionalProperties": false
    },
    "status": {
      "description": "What the operator observed.",
      "type": "object",
      "properties": {
        "observedGeneration": {
          "description": "Generation of the spec that this status speaks of.",
          "type": "integer",
          "format": "int64"
        },
        "keys": {
          "description": "Number of keys of this object that tool code can read.",
          "type": "integer"
        },
        "revision": {
          "description": "Revision of the server's environment that holds these values.",
          "type": "integer",
          "format": "int64"
        },
        "consumers": {
          "description": "How many pods run that revision, of how many are connected, as n/m.",
          "type": "string"
        },
        "rotatedAt": {
          "description": "When a value of this object last changed.",
          "type": "string",
          "format": "date-time"
        },
        "values": {
          "description": "State of each key; never a value.",
          "type": "array",
          "items": {
            "description": "State of one key.",
            "type": "object",
            "required": [
              "key"
            ],
            "properties": {
              "key": {
                "description": "The key.",
                "type": "string"
              },
              "keyId": {
                "description": "Identifier of the sealing key.",
                "type": "string"
              },
              "reason": {
                "description": "Why the value is not used, one of the reasons of ResolvedRefs; absent when it is.",
                "type": "string"
              },
              "rotatedAt": {
                "description": "When the value last changed.",
                "type": "string",
                "format": "date-time"
              }
            },
            "additionalProperties": false
          }
        },
        "conditions": {
          "description": "Accepted, ResolvedRefs, Programmed and Ready, with the reasons that docs/reference.md lists.",
          "type": "array",
          "items": {
            "description": "One aspect of the state of this object.",
            "type": "object",
            "required": [
              "type",
              "status",
              "reason",
              "message",
              "lastTransitionTime"
            ],
            "properties": {
              "type": {
                "description": "Name of the aspect.",
                "type": "string",
                "maxLength": 316
              },
              "status": {
                "description": "Whether it holds.",
                "type": "string",
                "enum": [
                  "True",
                  "False",
                  "Unknown"
                ]
              },
              "reason": {
                "description": "One word for programs; docs/reference.md lists them.",
                "type": "string",
                "maxLength": 1024
              },
              "message": {
                "description": "A sentence for people. It never holds a value of a secret.",
                "type": "string",
                "maxLength": 32768
              },
              "observedGeneration": {
                "description": "Generation of the spec that the condition speaks of.",
                "type": "integer",
                "format": "int64"
              },
              "lastTransitionTime": {
                "description": "When the status of the condition last changed.",
                "type": "string",
                "format": "date-time"
              }
            },
            "additionalProperties": false
          }
        }
      },
      "additionalProperties": false
    }
  },
  "additionalProperties": false
} as const;

export const McpServerSchema = {
  "description": "An MCP tool server and the boundary of its secrets. With tools it is hosted by mcpcore's own runner; without, its pods are yours: label them mcpcore.dev/server with the name of this object, which is at most 49 characters long because the names of the pods derive from it.",
  "type": "object",
  "required": [
    "spec"
  ],
  "properties": {
    "apiVersion": {
      "description": "Version of the schema of this object.",
      "type": "string"
    },
    "kind": {
      "description": "Kind of this object.",
      "type": "string"
    },
    "metadata": {
      "type": "object"
    },
    "spec": {
      "description": "What you want the server to be.",
      "type": "object",
      "properties": {
        "tools": {
          "description": "Tool code that the runner hosts, one entry a tool. A change is live within a second, without a restart of the pods.",
          "type": "array",
          "maxItems": 128,
          "items": {
            "description": "One tool of an MCP server.",
            "type": "object",
            "required": [
              "name",
              "code"
            ],
            "properties": {
              "name": {
                "description": "Name by which clients call the tool.",
                "type": "string",
                "minLength": 1,
                "maxLength": 128,
                "pattern": "^[A-Za-z0-9_.-]+$"
              },
              "title": {
                "description": "Name shown to people.",
                "type": "string",
                "maxLength": 256
              },
              "description": {
                "description": "What the tool does and when to call it, for the language model.",
                "type": "string",
                "maxLength": 8192
              },
              "inputSchema": {
                "description": "JSON Schema 2020-12 of the arguments, of type object. Without it the tool takes no arguments.",
                "type": "object"
              },
              "outputSchema": {
                "description": "JSON Schema 2020-12 that the returned value conforms to.",
                "type": "object"
              },
              "code": {
                "description": "Body of an async JavaScript function of (env, args, sdk). What it returns is the result of the call; what it throws is reported as a tool error. Secrets are read as env.KEY.",
                "type": "string",
                "minLength": 1,
                "maxLength": 262144
              },
              "timeoutSeconds": {
                "description": "Time after which a call is ended and reported as an error.",
                "type": "integer",
                "minimum": 1,
                "maximum": 600,
                "default": 30
              }
            },
            "additionalProperties": false
          }
        },
        "replicas": {
          "description": "Number of runner pods. Used only with tools.",
          "type": "integer",
          "minimum": 0,
          "maximum": 100,
          "default": 1
        },
        "resources": {
          "description": "Resource requests and limits of the runner container. Used only with tools.",
          "type": "object"
        },
        "runtimeClassName": {
          "description": "RuntimeClass of the runner pods, for example a sandboxed runtime. Used only with tools.",
          "type": "string",
          "maxLength": 253
        }
      },
      "additionalProperties": false
    },
    "status": {
      "description": "What the operator observed.",
      "type": "object",
      "properties": {
        "observedGeneration": {
          "description": "Generation of the spec that this status speaks of.",
          "type": "integer",
          "format": "int64"
        },
        "url": {
          "description": "Address of the MCP endpoint inside the cluster.",
          "type": "string"
        },
        "keys": {
          "description": "Number of keys that the server's environment holds.",
          "type": "integer"
        },
        "revision": {
          "description": "Revision of the environment. It grows by one with each change of any key.",
          "type": "integer",
          "format": "int64"
        },
        "consumers": {
          "description": "How many pods run the current revision, of how many are connected, as n/m.",
          "type": "string"
        },
        "rotatedAt": {
          "description": "When the environment last changed.",
          "type": "string",
          "format": "date-time"
        },
        "gateways": {
          "description": "Per replica of the operator, the pods connected to it and the revision each has acknowledged.",
          "type": "array",
          "items": {
            "description": "The connections of one replica.",
            "type": "object",
            "required": [
              "name"
            ],
            "properties": {
              "name": {
                "description": "Name of the operator's pod.",
                "type": "string"
              },
              "connected": {
                "description": "Number of pods connected to this replica.",
                "type": "integer"
              },
              "pods": {
                "description": "The connected pods, at most 100 of them.",
                "type": "array",
                "maxItems": 100,
                "items": {
                  "description": "One connected pod.",
                  "type": "object",
                  "required": [
                    "name",
                    "revision"
                  ],
                  "properties": {
                    "name": {
                      "description": "Name of the pod.",
                      "type": "string"
                    },
                    "revision": {
                      "description": "Revision that the pod has acknowledged; 0 before the first.",
                      "type": "integer",
                      "format": "int64"
                    }
                  },
                  "additionalProperties": false
                }
              },
              "current": {
                "description": "Number of pods connected to this replica that run the current revision.",
                "type": "integer"
              }
            },
            "additionalProperties": false
          }
        },
        "conditions": {
          "description": "Accepted, ResolvedRefs, Programmed and Ready, with the reasons that docs/reference.md lists.",
          "type": "array",
          "items": {
            "description": "One aspect of the state of this object.",
            "type": "object",
            "required": [
              "type",
              "status",
              "reason",
              "message",
              "lastTransitionTime"
            ],
            "properties": {
              "type": {
                "description": "Name of the aspect.",
                "type": "string",
                "maxLength": 316
              },
              "status": {
                "description": "Whether it holds.",
                "type": "string",
                "enum": [
                  "True",
                  "False",
                  "Unknown"
                ]
              },
              "reason": {
                "description": "One word for programs; docs/reference.md lists them.",
                "type": "string",
                "maxLength": 1024
              },
              "message": {
                "description": "A sentence for people. It never holds a value of a secret.",
                "type": "string",
                "maxLength": 32768
              },
              "observedGeneration": {
                "description": "Generation of the spec that the condition speaks of.",
                "type": "integer",
                "format": "int64"
              },
              "lastTransitionTime": {
                "description": "When the status of the condition last changed.",
                "type": "string",
                "format": "date-time"
              }
            },
            "additionalProperties": false
          }
        }
      },
      "additionalProperties": false
    }
  },
  "additionalProperties": false
} as const;

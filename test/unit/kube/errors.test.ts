/** Errors say what helps and never repeat what was sent. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { McpError } from '../../../src/api/errors.ts';
import { isKubeReason, KubeError, requestFailure } from '../../../src/kube/errors.ts';
import { errorFields } from '../../../src/kube/log.ts';
import { failure, parseJson, retryAfterMs } from '../../../src/kube/transport.ts';

const value = 'hunter2-hunter2';
const path = '/apis/mcpcore.dev/v1alpha1/namespaces/ns/mcpsecrets/a?fieldManager=x';

function messageOf(reason: string, message: string): string {
  return new KubeError('PATCH', path, 400, { reason, message }).message;
}

describe('the message of an API error', () => {
  it.each([
    ['NotFound', 'mcpservers.mcpcore.dev "tools" not found'],
    ['AlreadyExists', 'configmaps "a" already exists'],
    [
      'Conflict',
      'Operation cannot be fulfilled on leases.coordination.k8s.io "operator": the object has been modified',
    ],
    [
      'Forbidden',
      'pods is forbidden: User "system:serviceaccount:a:b" cannot list resource "pods" in API group "" at the cluster scope',
    ],
    ['Expired', 'too old resource version: 10 (20)'],
    ['InternalError', 'Internal error occurred: failed calling webhook "secrets.mcpcore.dev"'],
  ])('quotes a %s that is made of names', (reason, message) => {
    expect(messageOf(reason, message)).toBe(
      `PATCH /apis/mcpcore.dev/v1alpha1/namespaces/ns/mcpsecrets/a: 400 ${reason}: ${message}`,
    );
  });

  it.each([
    ['Forbidden', `admission webhook "policy.example" denied the request: label ${value} is not allowed`],
    [
      'Forbidden',
      `pods "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${value}`,
    ],
    ['Conflict', `admission webhook "policy.example" denied the request: ${value}`],
    ['NotFound', `admission webhook "policy.example" denied the request: ${value} not found`],
    ['Invalid', `McpSecret.mcpcore.dev "a" is invalid: spec.values[K]: Invalid value: "${value}"`],
    ['BadRequest', `json: cannot unmarshal ${value}`],
    ['InternalError', `Internal error occurred: failed calling webhook "w": ${value}`],
    ['', value],
  ])('does not quote a %s that may hold what was sent', (reason, message) => {
    const text = messageOf(reason, message);
    expect(text).not.toContain(value);
    expect(text).toContain(reason);
  });

  it('names the fields that were refused, not their values', () => {
    const causes = [{ field: 'spec.values[K]', reason: 'FieldValueInvalid', message: value }];
    const error = new KubeError('POST', path, 422, {
      reason: 'Invalid',
      message: value,
      details: { causes },
    });
    expect(error.message).toContain('422 Invalid: spec.values[K]');
    expect(inspect(error, { depth: 9 })).not.toContain(value);
  });

  it('takes no free text for a reason', () => {
    const error = new KubeError('POST', path, 403, { reason: `${value} is no password`, message: value });
    expect(inspect(error, { depth: 9 })).not.toContain(value);
  });

  it('is one of the catalogue, and told apart by reason', () => {
    const error = new KubeError('GET', path, 409, { reason: 'Conflict' });
    expect(error).toBeInstanceOf(McpError);
    expect(error.code).toBe('KubeRequest');
    expect(isKubeReason(error, 'Conflict')).toBe(true);
    expect(isKubeReason(new McpError('Forbidden'), 'Forbidden')).toBe(false);
    expect({ httpStatus: 404, reason: 'NotFound' }).not.toBeInstanceOf(KubeError);
  });
});

describe('a request without an answer', () => {
  it('is a KubeError of status 0 with what went wrong', () => {
    const error = failure({ method: 'GET', path }, Object.assign(new Error('x'), { code: 'ECONNREFUSED' }));
    expect(error).toMatchObject({ httpStatus: 0, reason: 'ConnectionFailed' });
    expect(String(error)).toContain('ConnectionFailed (ECONNREFUSED)');
  });

  it('does not carry the piece of the answer that the HTTP parser gives', () => {
    const error = Object.assign(new Error('x'), { code: 'HPE_INVALID_CONSTANT', data: value });
    expect(inspect(failure({ method: 'GET', path }, error), { depth: 9 })).not.toContain(value);
  });

  it('stays what it is when the caller gave up', () => {
    const reason = new Error('stopped');
    expect(failure({ method: 'GET', path, signal: AbortSignal.abort() }, reason)).toBe(reason);
  });

  it('names its reason plainly for whoever compares it', () => {
    expect(requestFailure('GET', path, 'TimedOut', 'detail').reason).toBe('TimedOut');
  });
});

describe('an answer that is no JSON', () => {
  it.each([`{"data":{"key":"${value}"`, value, `{"a": ${value}}`])('is not quoted: %#', (text) => {
    const error = (() => {
      try {
        return parseJson(text, { method: 'GET', path });
      } catch (error) {
        return error;
      }
    })();
    expect(error).toMatchObject({ reason: 'MalformedAnswer' });
    expect(inspect(error, { depth: 9 })).not.toContain('hunter');
    expect(JSON.stringify(errorFields(error))).not.toContain('hunter');
  });
});

describe('the time until a refused request is sent again', () => {
  const noJitter = () => 0;
  it.each([
    [429, '2', undefined, 2000],
    [429, undefined, { details: { retryAfterSeconds: 3 } }, 3000],
    [429, undefined, undefined, 1000],
    [429, 'Wed, 21 Oct 2026 07:28:00 GMT', undefined, 1000],
    [429, '86400', undefined, 10_000],
    [503, '1', undefined, 1000],
    [503, undefined, undefined, undefined],
    [500, undefined, undefined, undefined],
    [409, '1', undefined, undefined],
  ])('%s with Retry-After %s', (code, header, status, expected) => {
    expect(retryAfterMs(code, header, status, noJitter)).toBe(expected);
  });
});

/** The operator's settings: what must be set is named, what may be set has a default. */
import { describe, expect, it } from 'vitest';
import { readConfig, streamUrl } from '../../../src/operator/config.ts';

const least = {
  POD_NAME: 'mcpcore-0',
  POD_NAMESPACE: 'mcp-system',
  MCPCORE_IMAGE: 'registry.test/mcpcore:1',
};

describe('the configuration', () => {
  it('needs the pod, its namespace and the image, and has a default for the rest', () => {
    expect(readConfig(least)).toEqual({
      podName: 'mcpcore-0',
      namespace: 'mcp-system',
      image: 'registry.test/mcpcore:1',
      service: 'mcpcore',
      webhookConfiguration: 'mcpcore',
      logLevel: 'info',
      ports: { admission: 8443, stream: 8444, health: 8080 },
    });
  });

  it.each(Object.keys(least))('names %s when it is missing or empty', (name) => {
    for (const value of [undefined, '']) {
      expect(() => readConfig({ ...least, [name]: value })).toThrow(
        expect.objectContaining({
          code: 'InvalidConfiguration',
          details: { field: name, problem: 'is not set' },
        }),
      );
    }
  });

  it('calls the webhook configurations as the Service, unless told otherwise', () => {
    const named = { ...least, MCPCORE_SERVICE: 'other' };
    expect(readConfig(named)).toMatchObject({ service: 'other', webhookConfiguration: 'other' });
    const both = { ...named, MCPCORE_WEBHOOK_CONFIGURATION: 'third' };
    expect(readConfig(both)).toMatchObject({ service: 'other', webhookConfiguration: 'third' });
  });

  it('takes ports from 0, which lets the system choose, to 65535', () => {
    const env = {
      ...least,
      MCPCORE_ADMISSION_PORT: '0',
      MCPCORE_STREAM_PORT: '65535',
      MCPCORE_HEALTH_PORT: '9',
    };
    expect(readConfig(env).ports).toEqual({ admission: 0, stream: 65_535, health: 9 });
  });

  it.each(['', ' ', '-1', '65536', '80.5', 'http', '1e3', '0x50', ' 80'])('refuses the port "%s"', (text) => {
    for (const field of ['MCPCORE_ADMISSION_PORT', 'MCPCORE_STREAM_PORT', 'MCPCORE_HEALTH_PORT']) {
      expect(() => readConfig({ ...least, [field]: text })).toThrow(
        expect.objectContaining({
          code: 'InvalidConfiguration',
          details: { field, problem: 'is not a port number' },
        }),
      );
    }
  });

  it('tells pods where the stream is, inside the cluster and encrypted', () => {
    expect(streamUrl(readConfig({ ...least, MCPCORE_STREAM_PORT: '9444' }))).toBe(
      'wss://mcpcore.mcp-system.svc:9444',
    );
  });
});

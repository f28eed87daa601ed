/** What config.yaml of APISIX needs, whatever the form of the routes. Text, because the comments are what it is about. */
const common = `
apisix:
  # What the gateway trusts when it checks the upstreams' certificates.
  ssl:
    ssl_trusted_certificate: system

nginx_config:
  # Only APISIX before 3.17 needs the names here; newer ones read \${{NAME}} and $env://NAME without.
  envs:
    - CREDENTIALFLOW_GATEWAY_KEY
    - CREDENTIALFLOW_LOG_KEY
  http:
    # On (the default of APISIX), a client's X_Api_Key would join x-api-key in $http_x_api_key.
    underscores_in_headers: 'off'
    # Without query: what a client puts there (a key, a prompt) stays out of the log.
    access_log_format: '$remote_addr [$time_iso8601] "$request_method $uri" $status $body_bytes_sent $request_time "$upstream_addr" "$upstream_status" "$upstream_response_time" $request_id'
    access_log_format_escape: json
  # \`tls.verify\` of an upstream is for Kafka only. Without this the secret would go to whoever answers for the host.
  http_server_configuration_snippet: |
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 5;
`;

const head = '# Why each line is as it is: docs/apisix.md. Merge it with what your config.yaml has.\n';

/** For a gateway that has its routes from etcd or from a controller. */
export function sharedConfigYaml(): string {
  return head + common.slice(1);
}

/** The whole config.yaml of a standalone gateway. */
export function standaloneConfigYaml(): string {
  return `# A standalone APISIX (3.17 or newer; 3.18 recommended) for CredentialFlow. Why each line is as it is: docs/apisix.md.
# Written by: credentialflow apisix render --gateway-config
deployment:
  role: data_plane
  role_data_plane:
    config_provider: yaml
${common.replace(
  'apisix:\n',
  `apisix:
  node_listen:
    - ip: 0.0.0.0
      port: 9080
`,
)}`;
}

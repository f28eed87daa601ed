/** The text of a new resources.yaml. It is valid as it stands; the secret comes from the variable OPENAI_API_KEY. */
export function resourcesTemplate(): string {
  return `# What CredentialFlow serves. Reference: docs/resources.md. Check it with: credentialflow check

# APIs behind the gateway. Presets: openai, azure-openai, anthropic, mistral, gemini, cohere, ollama, generic.
upstreams:
  - id: openai
    preset: openai
    # base_url: https://api.openai.com   # the preset's default
    # prefix: /openai                    # the path under which the gateway offers it; default /<id>
    # routes: [openai]                   # the gateway's route ids; default [<id>]

# The upstreams' secrets, by reference. { from: sealed, value: … } is what \`credentialflow seal\` prints.
credentials:
  - id: openai-main
    upstream: openai
    secret: { from: env, name: OPENAI_API_KEY }   # or { from: file, path: /run/secrets/openai }
    # headers: { openai-project: proj_123 }       # pins a header that chooses who pays

# Who calls: a team, a service, an agent.
consumers:
  - id: team-search
    owner: search@example.com
    groups: [search]
    # labels: { cost_centre: "4711" }

# Who may do what. Nothing is allowed that no policy allows; deny wins.
policies:
  - id: search-may-chat
    effect: allow
    groups: [search]
    upstreams: [openai]
    methods: [POST]
    paths: ["/v1/chat/completions", "/v1/embeddings"]

# Tokens are issued at run time (credentialflow token issue --consumer team-search --ttl 30d),
# or declared here by their hash (credentialflow token new prints the line).
# tokens:
#   - consumer: team-search
#     sha256: "<hex of the whole token>"
#     expires_at: 2027-06-30T00:00:00Z
`;
}

{{/* The Envoy that is injected before a workload: mTLS in, one Check for every call, the service on loopback behind it; and,
     where it has upstreams, a way out that shows the workload's own certificate. docs/envoy.md says why each line is there.
     Of a dict with `root`, `name` and `workload`. */}}
{{- define "hopgate.envoy" -}}
{{- $workload := .workload -}}
{{- $service := (first $workload.config.services).name -}}
{{- $domain := .root.Values.sidecar.trustDomain -}}
node: { id: {{ .name | quote }}, cluster: hopgate }
# A socket in a volume of its own: on a port, the service beside it could change Envoy's mind.
admin:
  address: { pipe: { path: /run/hopgate-envoy/admin.sock, mode: 384 } }
# Past it connections are refused, before memory runs out.
overload_manager:
  resource_monitors:
    - name: envoy.resource_monitors.global_downstream_max_connections
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
        max_active_downstream_connections: 4096
static_resources:
  listeners:
    - name: inbound
      address: { socket_address: { address: 0.0.0.0, port_value: 15443 } }
      filter_chains:
        # Who begins and does not go on makes room.
        - transport_socket_connect_timeout: 10s
          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              # Who calls is known by its certificate. Without one nobody comes in.
              require_client_certificate: true
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_params: { tls_minimum_protocol_version: TLSv1_2 }
                {{- include "hopgate.envoy.certificate" . | nindent 16 }}
                combined_validation_context:
                  default_validation_context:
                    match_typed_subject_alt_names:
                      - { san_type: URI, matcher: { prefix: "spiffe://{{ $domain }}/" } }
                  {{- include "hopgate.envoy.authority" . | nindent 18 }}
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: inbound
                # hopgate and the service see the same path, and no ambiguous one.
                normalize_path: true
                merge_slashes: true
                path_with_escaped_slashes_action: REJECT_REQUEST
                # A caller's own x-forwarded-client-cert is replaced.
                forward_client_cert_details: SANITIZE_SET
                set_current_client_cert_details: { uri: true }
                request_headers_timeout: 10s
                http2_protocol_options: { max_concurrent_streams: 1000 }
                {{- include "hopgate.envoy.accessLog" . | nindent 16 }}
                http_filters:
                  - name: envoy.filters.http.ext_authz
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
                      transport_api_version: V3
                      # Longer than hopgate waits for a new signing key; hopgate answers within nine tenths of it.
                      grpc_service: { envoy_grpc: { cluster_name: hopgate }, timeout: 0.5s }
                      # A hopgate that is gone lets nobody pass.
                      failure_mode_allow: false
                      status_on_error: { code: ServiceUnavailable }
                      # A header that can't be set is a 500, not left out.
                      validate_mutations: true
                      # Repeated headers come one by one, with their bytes as they are.
                      encode_raw_headers: true
                      # For tokens that are bound to a certificate.
                      include_peer_certificate: true
                      include_tls_session: true
                      # The route that was judged stays the route.
                      clear_route_cache: false
                      deny_at_disable: { runtime_key: ext_authz.deny_at_disable, default_value: true }
                      {{- if include "hopgate.readsBodies" $workload }}
                      # Whole bodies, byte by byte: what hopgate reads is what the service gets.
                      with_request_body: { max_request_bytes: 65536, allow_partial_message: false, pack_as_bytes: true }
                      {{- end }}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - name: {{ $service | quote }}
                      domains: ["*"]
                      routes:
                        {{- if include "hopgate.readsBodies" $workload }}
                        # A stream of gRPC has no end to wait for.
                        - match: { prefix: /, grpc: {} }
                          {{- include "hopgate.envoy.action" $workload | nindent 26 }}
                          typed_per_filter_config:
                            envoy.filters.http.ext_authz:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                              check_settings: { context_extensions: { service: {{ $service | quote }} }, disable_request_body_buffering: true }
                        {{- end }}
                        - match: { prefix: / }
                          {{- include "hopgate.envoy.action" $workload | nindent 26 }}
                          typed_per_filter_config:
                            envoy.filters.http.ext_authz:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                              check_settings: { context_extensions: { service: {{ $service | quote }} } }
    # For the kubelet and for Prometheus: two paths of the admin socket, to read.
    - name: status
      address: { socket_address: { address: 0.0.0.0, port_value: 15021 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: status
                request_headers_timeout: 10s
                normalize_path: true
                merge_slashes: true
                path_with_escaped_slashes_action: REJECT_REQUEST
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - name: status
                      domains: ["*"]
                      routes:
                        - match: { path: /healthz/ready, headers: [{ name: ":method", string_match: { exact: GET } }] }
                          route: { cluster: envoy_admin, prefix_rewrite: /ready }
                        - match: { path: /stats/prometheus, headers: [{ name: ":method", string_match: { exact: GET } }] }
                          route: { cluster: envoy_admin }
    {{- if $workload.upstreams }}
    # The service calls http://127.0.0.1:15001 with the upstream's name as `host`, and comes out with its workload's certificate.
    - name: egress
      address: { socket_address: { address: 127.0.0.1, port_value: 15001 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: egress
                normalize_path: true
                merge_slashes: true
                path_with_escaped_slashes_action: REJECT_REQUEST
                forward_client_cert_details: SANITIZE
                strip_any_host_port: true
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    {{- range $name, $upstream := $workload.upstreams }}
                    - name: {{ $name | quote }}
                      domains: {{ prepend ($upstream.hosts | default (list $upstream.address)) $name | uniq | toJson }}
                      routes: [{ match: { prefix: / }, route: { cluster: {{ printf "upstream_%s" $name | quote }}, timeout: 0s, idle_timeout: 300s } }]
                    {{- end }}
    {{- end }}
  clusters:
    # Nobody calls it. It names the certificate's files, so that Envoy does not start, and is started again, while they are missing:
    # the files of its other certificates are looked for only later, and it would be ready without them.
    - name: certificate
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          common_tls_context:
            tls_params: { tls_maximum_protocol_version: TLSv1_3 }
            tls_certificates: [{ certificate_chain: { filename: /etc/mesh/tls.crt }, private_key: { filename: /etc/mesh/tls.key } }]
            validation_context:
              trusted_ca: { filename: /etc/mesh/ca.crt }
              match_typed_subject_alt_names:
                - { san_type: URI, matcher: { prefix: "spiffe://{{ $domain }}/" } }
    - name: hopgate
      connect_timeout: 0.25s
      {{- include "hopgate.envoy.http2" . | nindent 6 }}
      load_assignment:
        cluster_name: hopgate
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: /run/hopgate/check.sock } } } }] }]
    - name: service
      connect_timeout: 1s
      {{- if eq $workload.protocol "http2" }}
      {{- include "hopgate.envoy.http2" . | nindent 6 }}
      {{- end }}
      load_assignment:
        cluster_name: service
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: {{ $workload.port | int }} } } } }] }]
    - name: envoy_admin
      connect_timeout: 0.25s
      load_assignment:
        cluster_name: envoy_admin
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: /run/hopgate-envoy/admin.sock } } } }] }]
    {{- range $name, $upstream := $workload.upstreams }}
    - name: {{ printf "upstream_%s" $name | quote }}
      type: STRICT_DNS
      connect_timeout: 1s
      {{- include "hopgate.envoy.http2" $ | nindent 6 }}
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2]
            tls_params: { tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_3 }
            {{- include "hopgate.envoy.certificate" $ | nindent 12 }}
            combined_validation_context:
              default_validation_context:
                match_typed_subject_alt_names:
                  - { san_type: URI, matcher: { exact: {{ $upstream.spiffe | quote }} } }
              {{- include "hopgate.envoy.authority" $ | nindent 14 }}
      load_assignment:
        cluster_name: {{ printf "upstream_%s" $name | quote }}
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: {{ $upstream.address | quote }}, port_value: {{ $upstream.port | default 15443 | int }} } } } }] }]
    {{- end }}
{{- end -}}

{{- define "hopgate.envoy.http2" -}}
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: { http2_protocol_options: {} }
{{- end -}}

{{/* Envoy's 15 s would cut the streams of MCP, A2A and gRPC; other bounds hold there. */}}
{{- define "hopgate.envoy.action" -}}
{{- if include "hopgate.streams" . -}}
route: { cluster: service, timeout: 0s, idle_timeout: 300s, max_stream_duration: { max_stream_duration: 900s } }
{{- else -}}
route: { cluster: service }
{{- end -}}
{{- end -}}

{{/* By files of their own, since Envoy reads only those again when a certificate is renewed. */}}
{{- define "hopgate.envoy.certificate" -}}
tls_certificate_sds_secret_configs:
  - { name: certificate, sds_config: { resource_api_version: V3, path_config_source: { path: /etc/hopgate-envoy/sds-certificate.yaml } } }
{{- end -}}

{{- define "hopgate.envoy.authority" -}}
validation_context_sds_secret_config:
  { name: authority, sds_config: { resource_api_version: V3, path_config_source: { path: /etc/hopgate-envoy/sds-authority.yaml } } }
{{- end -}}

{{- define "hopgate.envoy.sdsCertificate" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: certificate
    tls_certificate:
      certificate_chain: { filename: /etc/mesh/tls.crt }
      private_key: { filename: /etc/mesh/tls.key }
      watched_directory: { path: /etc/mesh }
{{- end -}}

{{- define "hopgate.envoy.sdsAuthority" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: authority
    validation_context:
      trusted_ca: { filename: /etc/mesh/ca.crt }
      watched_directory: { path: /etc/mesh }
{{- end -}}

{{- define "hopgate.envoy.accessLog" -}}
access_log:
  - name: envoy.access_loggers.stdout
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
      log_format:
        json_format:
          time: "%START_TIME%"
          status: "%RESPONSE_CODE%"
          flags: "%RESPONSE_FLAGS%"
          method: "%REQ(:METHOD)%"
          {{- range list "decision" "reason" "decision_id" "subject" "actor" }}
          {{ . }}: "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:{{ . }})%"
          {{- end }}
{{- end -}}

{{/* What all pods of the program have in common. */}}

{{/* Outside of containers. Nothing talks to Kubernetes: the namespace's own account does, without a token. */}}
{{- define "ltv.pod" -}}
automountServiceAccountToken: false
# Kubernetes would tell each pod of services named ltv-* by variables LTV_*, which are no settings.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "ltv.container" -}}
image: {{ include "ltv.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* A value as it was written: a large number is a float to Helm, and would come out as 1e+06. */}}
{{- define "ltv.text" -}}
{{- if kindIs "float64" . }}{{ toJson . }}{{ else }}{{ toString . }}{{ end -}}
{{- end -}}

{{/* Settings that all processes share. */}}
{{- define "ltv.settings" -}}
- {name: LTV_PARTITIONS, value: {{ .Values.partitions | quote }}}
- {name: LTV_LOG_FORMAT, value: {{ .Values.settings.LTV_LOG_FORMAT | default "json" }}}
{{- range $name, $value := omit .Values.settings "LTV_LOG_FORMAT" }}
- {name: {{ $name }}, value: {{ include "ltv.text" $value | quote }}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* How a process reaches Kafka: (dict "root" $ "who" "worker"). */}}
{{- define "ltv.kafka.env" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $me := index $kafka .who -}}
- {name: LTV_BROKERS, value: {{ $kafka.brokers | quote }}}
- {name: LTV_KAFKA_SECURITY, value: {{ $kafka.security }}}
{{- if hasPrefix "SASL" $kafka.security }}
- {name: LTV_KAFKA_SASL_MECHANISM, value: {{ $kafka.mechanism }}}
- {name: LTV_KAFKA_USER, value: {{ $me.user | quote }}}
- {name: LTV_KAFKA_PASSWORD_FILE, value: /etc/ltv/kafka-user/password}
{{- else if and (eq $kafka.security "SSL") $me.secret }}
- {name: LTV_KAFKA_CERT_FILE, value: /etc/ltv/kafka-user/user.crt}
- {name: LTV_KAFKA_KEY_FILE, value: /etc/ltv/kafka-user/user.key}
{{- end }}
{{- if $kafka.ca.secret }}
- {name: LTV_KAFKA_CA_FILE, value: /etc/ltv/kafka-ca/ca.crt}
{{- end }}
{{- end -}}

{{- define "ltv.kafka.mounts" -}}
{{- $me := index .root.Values.kafka .who -}}
{{- if and $me.secret (ne .root.Values.kafka.security "PLAINTEXT") }}
- {name: kafka-user, mountPath: /etc/ltv/kafka-user, readOnly: true}
{{- end }}
{{- if .root.Values.kafka.ca.secret }}
- {name: kafka-ca, mountPath: /etc/ltv/kafka-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "ltv.kafka.volumes" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $me := index $kafka .who -}}
{{- if and $me.secret (ne $kafka.security "PLAINTEXT") }}
- name: kafka-user
  secret:
    secretName: {{ $me.secret }}
    defaultMode: 0440
    items:
      {{- if hasPrefix "SASL" $kafka.security }}
      - {key: {{ $me.passwordKey }}, path: password}
      {{- else }}
      - {key: {{ $me.certKey }}, path: user.crt}
      - {key: {{ $me.keyKey }}, path: user.key}
      {{- end }}
{{- end }}
{{- if $kafka.ca.secret }}
- name: kafka-ca
  secret:
    secretName: {{ $kafka.ca.secret }}
    defaultMode: 0440
    items: [{key: {{ $kafka.ca.key }}, path: ca.crt}]
{{- end }}
{{- end -}}

{{/* How a process reaches Redis: (dict "root" $ "who" "serve"). */}}
{{- define "ltv.redis.env" -}}
- {name: LTV_REDIS_URL_FILE, value: /etc/ltv/redis-url/url}
{{- end -}}

{{- define "ltv.redis.mounts" -}}
- {name: redis-url, mountPath: /etc/ltv/redis-url, readOnly: true}
{{- if .root.Values.redis.ca.secret }}
- {name: redis-ca, mountPath: /etc/ltv/redis, readOnly: true}
{{- end }}
{{- end -}}

{{- define "ltv.redis.volumes" -}}
{{- $redis := .root.Values.redis -}}
{{- $me := index $redis .who -}}
- name: redis-url
  secret:
    secretName: {{ $me.secret }}
    defaultMode: 0440
    items: [{key: {{ $me.key }}, path: url}]
{{- if $redis.ca.secret }}
- name: redis-ca
  secret:
    secretName: {{ $redis.ca.secret }}
    defaultMode: 0440
    items: [{key: {{ $redis.ca.key }}, path: ca.crt}]
{{- end }}
{{- end -}}

{{/* Of who may do what an operator does; topics may be made by hand, too. */}}
{{- define "ltv.operator.env" -}}
{{- $who := dict "root" . "who" "operator" -}}
{{ include "ltv.settings" . }}
- {name: LTV_REPLICATION, value: {{ .Values.topicsJob.replication | quote }}}
{{ include "ltv.kafka.env" $who }}
{{ include "ltv.redis.env" $who }}
{{- end -}}

{{/* What all pods have: room for temporary files, everything else being read-only, and what was asked for. */}}
{{- define "ltv.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "tmp" "64Mi") */}}
{{- define "ltv.volumes" -}}
- {name: tmp, emptyDir: {sizeLimit: {{ .tmp }}}}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

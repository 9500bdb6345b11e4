{{/* What no schema can know: values that do not go together. Included by the workers' template. */}}

{{- define "ltv.checks" -}}
{{- $partitions := int .Values.partitions -}}
{{- if not .Values.kafka.brokers -}}{{- fail "kafka.brokers is missing: host:port,host:port" -}}{{- end -}}
{{- if not .Values.redis.worker.secret -}}
{{- fail "redis.worker.secret is missing: a secret with the URL of Redis" -}}
{{- end -}}
{{- if gt (int .Values.worker.replicas) $partitions -}}
{{- fail (printf "worker.replicas is %d, but %d partitions keep only as many workers busy" (int .Values.worker.replicas) $partitions) -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .maxReplicas) $partitions -}}
{{- fail (printf "autoscaling.maxReplicas is %d, but %d partitions keep only as many workers busy" (int .maxReplicas) $partitions) -}}
{{- end -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.serve.enabled -}}
{{- if not .Values.serve.token.secret -}}
{{- fail "serve.token.secret is missing: without a token everybody who reaches the server can read every customer" -}}
{{- end -}}
{{- if not .Values.redis.serve.secret -}}
{{- fail "redis.serve.secret is missing: a secret with the URL of Redis" -}}
{{- end -}}
{{- end -}}
{{- $operator := or .Values.operator.enabled .Values.verify.enabled -}}
{{- if and $operator (not .Values.redis.operator.secret) -}}
{{- fail "redis.operator.secret is missing: a secret with the URL of Redis" -}}
{{- end -}}
{{- if hasPrefix "SASL" .Values.kafka.security -}}
{{- range $who := list "worker" "fit" "operator" -}}
{{- $used := or (eq $who "worker") (and (eq $who "fit") $.Values.fit.enabled) (and (eq $who "operator") (or $operator $.Values.topicsJob.enabled)) -}}
{{- if and $used (not (index $.Values.kafka $who).secret) -}}
{{- fail (printf "kafka.%s.secret is missing: with %s there must be a password" $who $.Values.kafka.security) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.kafka.ca.secret (not (hasSuffix "SSL" .Values.kafka.security)) -}}
{{- fail "kafka.ca.secret is given, but kafka.security does not encrypt: set SSL or SASL_SSL" -}}
{{- end -}}
{{- range $name := list "LTV_MODEL_FILE" "LTV_CAC_FILE" -}}
{{- with $file := index $.Values.settings $name -}}
{{- $there := false -}}
{{- range $.Values.extraVolumeMounts -}}
{{- if hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $file -}}{{- $there = true -}}{{- end -}}
{{- end -}}
{{- if not $there -}}
{{- fail (printf "settings.%s is %s, where none of extraVolumeMounts is" $name $file) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.topicsJob.enabled .Values.strimzi.topics -}}
{{- fail "topicsJob and strimzi.topics both make the topics: keep one" -}}
{{- end -}}
{{- if and (or .Values.strimzi.topics .Values.strimzi.users) (not .Values.strimzi.cluster) -}}
{{- fail "strimzi.cluster is missing: the name of the Kafka resource" -}}
{{- end -}}
{{- end -}}

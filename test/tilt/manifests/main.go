// Checks Kubernetes manifests as an API server would before it stores them: decoded strictly, defaulted, and
// validated by the server's own rules. Prints the objects with their defaults, a JSON array; names every problem on
// standard error, and then ends with 1.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
)

const namespace = "default"

// What the server asks of an object beyond its shape.
func problemsOf(object runtime.Object) (field.ErrorList, error) {
	pods := corevalidation.PodValidationOptions{}
	switch object := object.(type) {
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(object), nil
	case *core.Secret:
		return corevalidation.ValidateSecret(object), nil
	case *core.Service:
		if object.Spec.ClusterIP != "" {
			object.Spec.ClusterIPs = []string{object.Spec.ClusterIP}
		}
		return corevalidation.ValidateServiceCreate(object), nil
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(object, pods), nil
	case *apps.StatefulSet:
		return appsvalidation.ValidateStatefulSet(object, appsvalidation.StatefulSetValidationOptions{}, pods), nil
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(object, networkingvalidation.NetworkPolicyValidationOptions{}), nil
	case *policy.PodDisruptionBudget:
		options := policyvalidation.PodDisruptionBudgetValidationOptions{}
		problems := validation.ValidateObjectMeta(&object.ObjectMeta, true, corevalidation.ValidatePodName, field.NewPath("metadata"))
		return append(problems, policyvalidation.ValidatePodDisruptionBudget(object, options)...), nil
	}
	return nil, fmt.Errorf("%T: this program knows no rules for it", object)
}

var codecs = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)

func main() {
	objects, failed := []json.RawMessage{}, false
	for _, file := range os.Args[1:] {
		accepted, err := checkFile(file)
		objects = append(objects, accepted...)
		if err != nil {
			failed = true
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(objects); err != nil || failed {
		os.Exit(1)
	}
}

func checkFile(file string) ([]json.RawMessage, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var accepted []json.RawMessage
	var problems []error
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for number := 1; ; number++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return accepted, errors.Join(problems...)
		}
		if err == nil {
			var object json.RawMessage
			if object, err = check(document); err == nil {
				accepted = append(accepted, object)
			}
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s, document %d: %w", file, number, err))
		}
	}
}

func check(document []byte) (json.RawMessage, error) {
	object, kind, err := codecs.UniversalDecoder().Decode(document, nil, nil)
	if err != nil {
		return nil, err
	}
	metadata, err := meta.Accessor(object)
	if err != nil {
		return nil, err
	}
	if metadata.GetNamespace() == "" {
		metadata.SetNamespace(namespace)
	}
	problems, err := problemsOf(object)
	if err == nil {
		err = problems.ToAggregate()
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind.Kind, metadata.GetName(), err)
	}
	return encode(object, kind.GroupVersion())
}

func encode(object runtime.Object, version schema.GroupVersion) (json.RawMessage, error) {
	var buffer bytes.Buffer
	err := codecs.LegacyCodec(version).Encode(object, &buffer)
	return bytes.TrimSpace(buffer.Bytes()), err
}
